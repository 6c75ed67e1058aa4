"""Frame numbers of the result files."""

from __future__ import annotations

from dataclasses import dataclass

from stages.records import FrameHeader


@dataclass(frozen=True, slots=True)
class NumberingState:
    """The state of a `FrameNumbering`."""

    last: int
    epoch: int
    shift: int


class FrameNumbering:
    """1-based numbers that rise through all epochs of a stream.

    They are the source's own; where it starts over after a reconnect, they continue after the last.

    Attributes:
        last: The latest number, 0 before the first.
    """

    def __init__(self) -> None:
        self.last = 0
        self._epoch = 0
        self._shift = 0

    def next(self, frame: FrameHeader) -> int:
        """Returns the number of the frame.

        Raises:
            ValueError: The frame comes after a later one of its epoch.
        """
        if frame.epoch != self._epoch:
            self._epoch = frame.epoch
            self._shift += max(0, self.last + 1 - (frame.number + self._shift))
        number = frame.number + self._shift
        if number <= self.last:
            raise ValueError(f"frame {number} of {frame.stream} after frame {self.last}")
        self.last = number
        return number

    def state(self) -> NumberingState:
        """Everything that `restore` needs."""
        return NumberingState(self.last, self._epoch, self._shift)

    def restore(self, state: NumberingState) -> None:
        """Continues from ``state``."""
        self.last, self._epoch, self._shift = state.last, state.epoch, state.shift
