"""Leaps of a source's clock, e.g. where files were joined or a camera's clock was set."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction

_MAX_LEAD_SECONDS = 10  # by which a live source may get ahead of the monotonic clock
_MIN_PAUSE_SECONDS = 1  # a shorter pause at a leap is treated as jitter
_LEAD_FRAMES = 25  # latest frames whose lead is known


class ClockLeaps:
    """Removes leaps: times continue one frame later, or later by as much as the source paused.

    Times leap back if they fall by more than reordering explains. Times of a live source leap ahead
    if their lead over the monotonic clock exceeds that of the latest frames by more than ten
    seconds. Frames that arrive in a burst do not count as a leap.

    Args:
        frame: Length of a frame, in ticks.
        time_base: Unit of the times, in seconds.
        reordered: Maximum seconds by which a time may lie before the latest one.
        monotonic: Monotonic clock in seconds, for times that are passed in as they arrive; None for
            others, where the real length of a pause is unknown.
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
        self._offsets = (0, 0)  # added to the source's times: the current offset, the previous one
        self._leads: deque[float] = deque(maxlen=_LEAD_FRAMES)  # time minus arrival, in ticks

    def corrected(self, pts: int, last: int | None) -> int:
        """Returns a time, in ticks, with all leaps so far removed.

        Args:
            pts: The time that the source states.
            last: The latest time returned before, or derived from one; None for the first.
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
            furthest = due + _MAX_LEAD_SECONDS / self._time_base
        # A single frame may be late, as after an error; the next ones use the previous offset.
        offset = min(self._offsets, key=lambda offset: abs(pts + offset - following))
        time = pts + offset
        if time < last - self._reordered or time > furthest:
            if due - following > _MIN_PAUSE_SECONDS / self._time_base:  # it paused
                following = round(due)
            offset = following - pts
        if offset != self._offsets[0]:
            self._offsets = (offset, self._offsets[0])
        return offset
