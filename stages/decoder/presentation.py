"""Presentation times of a stream's frames."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from stages.decoder.clock_leaps import ClockLeaps

_REORDERED = Fraction(1, 2)  # second; AVI has decoding times, which are out of order


def frame_length(frame_rate: Fraction, time_base: Fraction) -> int:
    """Returns the length of a frame in ticks; at least 1."""
    return max(1, round(1 / frame_rate / time_base))


class PresentationTimes:
    """Makes presentation times that always increase, whatever the source states.

    Leaps are removed, see `ClockLeaps`. A frame without a time is placed one frame after the
    previous one, a frame that is merely out of order one tick after it.

    Args:
        frame_rate: Frames per second.
        time_base: Unit of the times, in seconds.
        monotonic: Monotonic clock in seconds, for live frames placed as they arrive; None for other
            sources.
        origin: The source's time that maps to 0, in ticks.
        begins: Earliest time, in ticks. If the first frame is before it, as frames shown before the
            first key frame are, all frames are moved later by the difference.

    Attributes:
        origin: The source's time that maps to 0, in ticks.
        time_base: Unit of the times, in seconds.
        frame: Length of a frame, in ticks.
        last: The latest presentation time in ticks, None before the first.
    """

    def __init__(
        self,
        frame_rate: Fraction,
        time_base: Fraction,
        monotonic: Callable[[], float] | None = None,
        *,
        origin: int = 0,
        begins: int = 0,
    ) -> None:
        self.last: int | None = None
        self.origin = origin
        self._begins = begins
        self.frame = frame_length(frame_rate, time_base)
        self.time_base = time_base
        self._leaps = ClockLeaps(self.frame, time_base, _REORDERED, monotonic)

    def place(self, pts: int | None) -> int:
        """Returns the time of the next frame, for which the source states ``pts``."""
        if pts is None:
            self.last = self._begins if self.last is None else self.last + self.frame
            return self.last
        if self.last is None:
            self.origin = min(self.origin, pts - self._begins)
        placed = self._leaps.corrected(pts - self.origin, self.last)
        self.last = placed if self.last is None else max(self.last + 1, placed)
        return self.last
