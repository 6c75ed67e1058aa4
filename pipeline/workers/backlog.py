"""Which frames of a live source to drop because later ones are waiting to be read."""

from __future__ import annotations

import time
from collections.abc import Callable

_BURST_NS = 1_000_000_000  # without waiting; the work on a burst takes less time
_LAG_NS = 100_000_000  # the same if frames were dropped recently
_MIN_WAIT = 0.05  # share of the time; even if data is there, reading it counts as a short wait


class Backlog:
    """Drops frames of a live source if the work on them takes longer than the source does.

    A source that has to be waited for has no backlog, whatever its clock says. If it hardly had to
    be waited for during a second, frames are dropped until it has to be. During a second after a
    drop, a tenth of a second is enough to drop frames again: the gaps are shorter. As decoding
    alone may take too long, frames are dropped for at most a second in a row.

    Args:
        monotonic: Returns a monotonic time in ns.
    """

    def __init__(self, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic = monotonic
        self._caught_up_ns = monotonic()
        self._waited_ns = 0  # until then
        self._dropped_ns = self._caught_up_ns - _BURST_NS
        self._dropping_since: int | None = None

    def drops(self, waited_ns: int) -> bool:
        """Takes the next frame; returns whether to drop it.

        Args:
            waited_ns: How long the source has been waited for in total.
        """
        now, since = self._monotonic(), self._dropping_since
        passed = now - self._caught_up_ns
        caught_up = waited_ns - self._waited_ns > _MIN_WAIT * passed
        if caught_up or (since is not None and now - since > _BURST_NS):
            self._caught_up_ns, self._waited_ns, self._dropping_since = now, waited_ns, None
            return False
        if since is None:
            is_calm = now - self._dropped_ns >= _BURST_NS
            if passed <= (_BURST_NS if is_calm else _LAG_NS):
                return False
            self._dropping_since = now
        self._dropped_ns = now
        return True
