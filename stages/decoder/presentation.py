"""When each frame of a stream is shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

_REORDERED = Fraction(1, 2)  # second; AVI times frames as they are decoded, which is out of order
_UNCONFIRMED = 10.0  # seconds that a live source may be ahead of the clock


class PresentationTimes:
    """Presentation times that always rise, whatever the source says.

    Where files were joined, or an encoder was started again, the source's times fall back: the
    stream goes on one frame later. So it does where the times of a live source leap ahead and as
    much time has not passed, as where a camera sets its clock. A frame without a time comes one
    frame later, too; one that is only out of order, a tick later.

    Args:
        frame_rate: Frames per second.
        time_base: Unit of the times, in seconds.
        monotonic: Seconds, where frames are placed as they come in live; None elsewhere, where
            nobody knows how long a gap took.

    Attributes:
        last: The latest one, None before the first.
    """

    def __init__(
        self,
        frame_rate: Fraction,
        time_base: Fraction,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.last: int | None = None
        self._frame = max(1, round(1 / frame_rate / time_base))
        self._reordered = round(_REORDERED / time_base)
        self._time_base = time_base
        self._monotonic = monotonic
        self._placed_at = 0.0
        self._offsets = (0, 0)  # from the source's times to these: the one in use, the one before

    def place(self, pts: int | None) -> int:
        """The time of the next frame, for which the source says ``pts``."""
        furthest = self._furthest()
        if self.last is None:
            self.last = pts or 0
        elif pts is None:
            self.last += self._frame
        else:
            self.last = max(self.last + 1, pts + self._offset(pts, self.last, furthest))
        return self.last

    def _furthest(self) -> float:
        """The most ticks that may lie between the latest frame and one that comes now."""
        if self._monotonic is None:
            return math.inf
        placed_at, self._placed_at = self._placed_at, self._monotonic()
        return (self._placed_at - placed_at + _UNCONFIRMED) / self._time_base

    def _offset(self, pts: int, last: int, furthest: float) -> int:
        following = last + self._frame
        # A single frame may come late, after an error for one: the next ones go on as before it.
        offset = min(self._offsets, key=lambda offset: abs(pts + offset - following))
        if not -self._reordered <= pts + offset - last <= furthest:
            offset = following - pts
        if offset != self._offsets[0]:
            self._offsets = (offset, self._offsets[0])
        return offset
