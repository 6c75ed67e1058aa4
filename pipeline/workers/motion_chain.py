"""Camera motion from one frame sent to the next, across frames dropped in between."""

from __future__ import annotations

from stages.decoder.motion import STILL, composed
from stages.records import Float32Array


class MotionChain:
    """The motions of a stream's camera between consecutive frames sent.

    Args:
        motion: Motion from the last frame sent to the first one added; None if unknown.
    """

    def __init__(self, motion: Float32Array | None) -> None:
        self._motions: dict[int, Float32Array | None] = {}
        self._of_dropped = motion

    def add(self, sequence: int, motion: Float32Array | None) -> None:
        """Adds the motion to frame number ``sequence`` from the frame added before."""
        self._motions[sequence] = motion

    def dropped(self, sequence: int) -> None:
        """Drops a frame that was added and will not be sent."""
        self._of_dropped = composed(self._of_dropped, self._motions.pop(sequence))

    def sent(self, sequence: int) -> Float32Array | None:
        """Returns the motion from the frame sent before to this one, which is now sent."""
        motion = composed(self._of_dropped, self._motions.pop(sequence, None))
        self._of_dropped = STILL
        return motion
