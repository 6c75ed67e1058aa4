"""When results were written, and how old their frames were, by a wall clock that may be set."""

from __future__ import annotations

import time
from collections.abc import Callable

from stages.sink.timing import Written

_LEAP_NS = 100_000_000  # more than the two clocks differ where one is read after the other


class LatencyClock:
    """Dates results by the monotonic clock, which nobody sets.

    A frame's capture is of the wall clock: where that was set since, as where a machine without a
    battery for its clock learns the time, the frame's age is by what the clock said before.

    Args:
        wall: Wall clock, ns since the epoch.
        monotonic: Monotonic clock, ns.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._leapt_ns = monotonic()
        self._offset = self._earlier = wall() - self._leapt_ns

    def written(self, captured_ns: int) -> Written:
        """Returns that a frame captured at this time, by the wall clock, is written now."""
        now_ns = self._monotonic()
        offset = self._wall() - now_ns
        if abs(offset - self._offset) > _LEAP_NS:
            self._earlier, self._leapt_ns = self._offset, now_ns
        self._offset = offset
        offsets = [offset]
        if captured_ns <= self._leapt_ns + self._earlier:  # perhaps before the clock was set
            offsets.append(self._earlier)
        ages = (now_ns + each - captured_ns for each in offsets)
        return Written(now_ns, min((age for age in ages if age >= 0), default=0))
