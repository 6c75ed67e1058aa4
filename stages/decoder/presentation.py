"""Presentation times of a stream's frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

_REORDERED = Fraction(1, 2)  # second; AVI has decoding times, which are out of order
_UNCONFIRMED = 10.0  # seconds that a live source may be ahead of the clock


class PresentationTimes:
    """Makes presentation times that always increase, whatever the source says.

    If the source's times fall back, as where files were joined or an encoder restarted, the stream
    continues one frame later. The same applies if the times of a live source leap ahead by more
    than has really passed, as when a camera sets its clock, and to a frame without a time. A frame
    that is merely out of order comes one tick later.

    Args:
        frame_rate: Frames per second.
        time_base: Unit of the times, in seconds.
        monotonic: Monotonic clock in seconds, for live frames placed as they arrive; None for other
            sources, where the real length of a gap is unknown.
        origin: The source's time that is 0 here, in ticks.
        begins: Least time, in ticks. If the first frame is before it, as pictures shown before the
            first key frame are, all come that much later.

    Attributes:
        origin: The source's time that is 0 here, in ticks.
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
        self.frame = max(1, round(1 / frame_rate / time_base))
        self._reordered = round(_REORDERED / time_base)
        self.time_base = time_base
        self._monotonic = monotonic
        self._placed_at = 0.0
        self._offsets = (0, 0)  # from the source's times to these: the one in use, the one before

    def place(self, pts: int | None) -> int:
        """Returns the time of the next frame, for which the source states ``pts``."""
        furthest = self._furthest()
        if self.last is None and pts is not None:
            self.origin = min(self.origin, pts - self._begins)
        if pts is not None:
            pts -= self.origin
        if self.last is None:
            self.last = self._begins if pts is None else pts
        elif pts is None:
            self.last += self.frame
        else:
            self.last = max(self.last + 1, pts + self._offset(pts, self.last, furthest))
        return self.last

    def _furthest(self) -> float:
        """Returns the most ticks that may lie between the latest frame and one arriving now."""
        if self._monotonic is None:
            return math.inf
        placed_at, self._placed_at = self._placed_at, self._monotonic()
        return (self._placed_at - placed_at + _UNCONFIRMED) / self.time_base

    def _offset(self, pts: int, last: int, furthest: float) -> int:
        following = last + self.frame
        # A single frame may be late, as after an error; the next ones use the offset before it.
        offset = min(self._offsets, key=lambda offset: abs(pts + offset - following))
        if not -self._reordered <= pts + offset - last <= furthest:
            offset = following - pts
        if offset != self._offsets[0]:
            self._offsets = (offset, self._offsets[0])
        return offset
