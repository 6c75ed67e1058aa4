"""Frames that never arrived from a live source that sends at a steady rate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

_STEPS = 25
_LONGEST_SECONDS = 1  # a source that is silent for longer may have paused


@dataclass(slots=True)
class _Hole:
    """A hole that counts if the stream continues as before.

    Attributes:
        missing: Number of frames missing in it.
        seconds: Its length.
        delay: Least delay of the frames before it.
        following: Equal steps that must still follow.
    """

    missing: int
    seconds: float
    delay: float
    following: int = _STEPS


class UnreceivedFrames:
    """Counts frames missing between others, e.g. if the network loses all packets of a frame.

    A camera whose rate varies or that sets its clock leaves holes, too. A hole therefore counts
    only if all of the following hold:

    - The 25 steps from frame to frame before it and the 25 after it are equal within a tenth or two
      ticks.
    - It is a whole number of such steps, with the same tolerance.
    - It is not longer than a second.
    - The frames after it are as late as those before it, within half its length. After a clock was
      set forward, frames seem to arrive earlier.

    Hence frames that are lost within 25 steps of one another are not counted, and neither are the
    holes of a camera that slows down, pauses or often skips a frame. Whether the network lost a
    single frame or the camera never sent it is not known.

    Args:
        time_base: Unit of the times, in seconds.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = float(time_base)
        self._steps: deque[float] = deque(maxlen=_STEPS)  # ticks per frame
        self._delays: deque[float] = deque(maxlen=_STEPS)  # arrival minus time, seconds
        self._last: tuple[int, int] | None = None
        self._hole: _Hole | None = None

    def follow(self, index: int, pts: int, arrived: float) -> int:
        """Takes the next frame.

        Args:
            index: 0-based index in the source; frames known to be broken count, too.
            pts: Presentation time in ticks.
            arrived: Monotonic time in seconds at which it arrived.

        Returns:
            Number of frames that are now known not to have been received.
        """
        last, self._last = self._last, (index, pts)
        delay = arrived - pts * self._time_base
        if last is None:
            return 0
        frames, ticks = index - last[0], pts - last[1]
        if self._steps and self._fits(ticks, frames):
            self._steps.append(ticks / frames)
            self._delays.append(delay)
            return self._confirmed()
        self._hole = self._hole_of(frames, ticks)
        self._delays.clear()
        if self._hole is None:
            self._steps.clear()
            self._steps.append(ticks / frames)
        self._delays.append(delay)
        return 0

    @property
    def _step(self) -> float:
        return sum(self._steps) / len(self._steps)

    def _fits(self, ticks: int, frames: int) -> bool:
        return abs(ticks - frames * self._step) <= max(2.0, self._step / 10)

    def _hole_of(self, frames: int, ticks: int) -> _Hole | None:
        """Returns the hole in a step of so many frames and ticks; None if it cannot count."""
        seconds = ticks * self._time_base
        if self._hole is not None or len(self._steps) < _STEPS or seconds > _LONGEST_SECONDS:
            return None
        whole = round(ticks / self._step)
        if whole <= frames or not self._fits(ticks, whole):
            return None
        return _Hole(whole - frames, seconds, min(self._delays))

    def _confirmed(self) -> int:
        """Returns the number of frames in a hole that the latest step confirms, else 0."""
        hole = self._hole
        if hole is None:
            return 0
        hole.following -= 1
        if hole.following:
            return 0
        self._hole = None
        return hole.missing if hole.delay - min(self._delays) <= hole.seconds / 2 else 0
