"""Gaps: stretches of a video without frames, though nothing in it is broken."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

_STEPS = 25  # equal steps before the rate counts as constant
_MIN_FRAMES = 5


class Gaps:
    """Finds gaps between frames at a constant rate, e.g. where part of a file is missing.

    If the rate varies, a pause does not count as a gap.
    """

    def __init__(self) -> None:
        self._first = ""
        self._count = 0

    def begin(self, time_base: Fraction) -> None:
        """Starts, or restarts after an interruption, which is not a gap; call it first.

        Args:
            time_base: Unit of the times from here on, in seconds.
        """
        self._time_base = time_base
        self._steps: deque[int] = deque(maxlen=_STEPS)
        self._last: tuple[int, int] | None = None

    def follow(self, index: int, pts: int) -> None:
        """Takes the next intact frame: its 0-based index in the source, and its time in ticks."""
        if self._last is not None:
            frames, ticks = index - self._last[0], pts - self._last[1]
            if self._is_constant() and ticks > (frames + _MIN_FRAMES) * max(self._steps):
                self.note(float(ticks * self._time_base), self._last[0])
            elif frames == 1:
                self._steps.append(ticks)
        self._last = index, pts

    def in_words(self) -> str:
        """Describes the first gap and how many there are, "" if there is none."""
        more = f", the first of {self._count} such gaps" if self._count > 1 else ""
        return self._first + more

    def note(self, seconds: float, index: int) -> None:
        """Records a gap after the frame with this 0-based index."""
        self._count += 1
        if self._count == 1:
            self._first = f"no frames for {seconds:.1f} s after frame {index + 1}"

    def _is_constant(self) -> bool:
        if len(self._steps) < _STEPS:
            return False
        shortest, longest = min(self._steps), max(self._steps)
        return longest - shortest <= max(2, shortest // 10)  # ticks: times are rounded
