"""Leaps of a source's clock, as where files were joined or a camera sets it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction

_UNCONFIRMED = 10  # seconds that a live source may be ahead of the clock
_LATE = 1  # second: a shorter pause at a leap is no more than jitter
_LEADS = 25


class ClockLeaps:
    """Undoes leaps: the times continue one frame later, or as much later as the source paused.

    Times leap back if they fall by more than reordering explains. Those of a live source leap ahead
    if they pass the clock by ten seconds more than the latest ones. What comes in a burst does not.

    Args:
        frame: Length of a frame, in ticks.
        time_base: Unit of the times, in seconds.
        reordered: Most seconds by which a time may be before the latest one.
        monotonic: Monotonic clock in seconds, for times that are handed over as they arrive; None
            for others, where the real length of a pause is unknown.
    """

    def __init__(
        self,
        frame: int,
        time_base: Fraction,
        reordered: Fraction,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._frame = frame
        self._time_base = time_base
        self._reordered = round(reordered / time_base)
        self._monotonic = monotonic
        self._offsets = (0, 0)  # from the source's times to these: the one in use, the one before
        self._leads: deque[float] = deque(maxlen=_LEADS)  # times less those of arrival

    def undone(self, pts: int, last: int | None) -> int:
        """Returns a time, in ticks, without the leaps up to it.

        Args:
            pts: The time that the source states.
            last: The latest of the times returned before, or of those made of them; None if this is
                the first.
        """
        arrived = None if self._monotonic is None else self._monotonic() / float(self._time_base)
        if last is not None:
            pts += self._offset(pts, last, arrived)
        if arrived is not None:
            self._leads.append(pts - arrived)
        return pts

    def _offset(self, pts: int, last: int, arrived: float | None) -> int:
        following = last + self._frame
        due, furthest = float(following), math.inf
        if arrived is not None:
            due = arrived + max(self._leads, default=last - arrived)
            furthest = due + _UNCONFIRMED / self._time_base
        # A single frame may be late, as after an error; the next ones use the offset before it.
        offset = min(self._offsets, key=lambda offset: abs(pts + offset - following))
        time = pts + offset
        if time < last - self._reordered or time > furthest:
            if due - following > _LATE / self._time_base:  # it paused
                following = round(due)
            offset = following - pts
        if offset != self._offsets[0]:
            self._offsets = (offset, self._offsets[0])
        return offset
