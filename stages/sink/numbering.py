"""Frame numbers in the result files."""

from __future__ import annotations

from dataclasses import dataclass

from stages.records import FrameHeader


@dataclass(slots=True)
class FrameNumbering:
    """1-based frame numbers that increase through all epochs of a stream.

    They are the source's own numbers. If the source starts over after a reconnect, they continue
    from the last one.

    Attributes:
        last: The latest number, 0 before the first.
        epoch: The latest frame's epoch.
        shift: Offset added to the source's numbers in this epoch.
    """

    last: int = 0
    epoch: int = 0
    shift: int = 0

    def next(self, frame: FrameHeader) -> int:
        """Returns the number of the frame.

        Raises:
            ValueError: A frame with this number, or a later one of its epoch, came before.
        """
        if frame.epoch != self.epoch:
            self.epoch = frame.epoch
            self.shift += max(0, self.last + 1 - (frame.number + self.shift))
        number = frame.number + self.shift
        if number <= self.last:
            raise ValueError(f"frame {number} of {frame.stream} after frame {self.last}")
        self.last = number
        return number
