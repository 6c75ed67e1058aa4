"""When each frame of a stream is shown."""

from __future__ import annotations

from fractions import Fraction

_REORDERED = Fraction(1, 2)  # second; AVI times frames as they are decoded, which is out of order


class PresentationTimes:
    """Presentation times that always rise, whatever the source says.

    Where files were joined, or an encoder was started again, the source's times fall back: the
    stream goes on one frame later. A frame without a time comes one frame later, too; one that is
    only out of order, a tick later.

    Args:
        frame_rate: Frames per second.
        time_base: Unit of the times, in seconds.

    Attributes:
        last: The latest one, None before the first.
    """

    def __init__(self, frame_rate: Fraction, time_base: Fraction) -> None:
        self.last: int | None = None
        self._frame = max(1, round(1 / frame_rate / time_base))
        self._reordered = round(_REORDERED / time_base)
        self._offsets = (0, 0)  # from the source's times to these: the one in use, the one before

    def place(self, pts: int | None) -> int:
        """The time of the next frame, for which the source says ``pts``."""
        if self.last is None:
            self.last = pts or 0
        elif pts is None:
            self.last += self._frame
        else:
            self.last = max(self.last + 1, pts + self._offset(pts, self.last))
        return self.last

    def _offset(self, pts: int, last: int) -> int:
        following = last + self._frame
        # A single frame may come late, after an error for one: the next ones go on as before it.
        offset = min(self._offsets, key=lambda offset: abs(pts + offset - following))
        if pts + offset < last - self._reordered:
            offset = following - pts
        if offset != self._offsets[0]:
            self._offsets = (offset, self._offsets[0])
        return offset
