"""Motions of a camera from one frame to another, as affine maps ``(2, 3)`` of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.records import Float32Array

MOST_ZOOM = 10.0  # between two frames that somebody sees
FARTHEST = 1e6  # pixels, likewise

STILL = np.eye(2, 3, dtype=np.float32)
"""The motion of a camera that stands still."""


def composed(first: Float32Array | None, second: Float32Array | None) -> Float32Array | None:
    """One affine motion ``(2, 3)`` and then another; None, unknown, where one of them is.

    None too where so much motion has come together that it says nothing any more.
    """
    if first is None or second is None:
        return None
    both = second[:, :2].astype(np.float64) @ first
    both[:, 2] += second[:, 2]
    return both.astype(np.float32) if is_likely(both) else None


def is_likely(motion: npt.NDArray[np.floating]) -> bool:
    """Whether a camera that shows anything can have moved so."""
    return bool(
        MOST_ZOOM**-2 <= np.linalg.det(motion[:, :2]) <= MOST_ZOOM**2
        and np.abs(motion[:, 2]).max() < FARTHEST
    )


class MotionChain:
    """The motions of a stream's camera from each frame that is sent to the next.

    Args:
        motion: From the frame sent last to the first that is added; None where that is unknown.
    """

    def __init__(self, motion: Float32Array | None = STILL) -> None:
        self._motions: dict[int, Float32Array | None] = {}
        self._of_dropped = motion

    def add(self, sequence: int, motion: Float32Array | None) -> None:
        """The motion to the frame of that number from the one added before."""
        self._motions[sequence] = motion

    def dropped(self, first: int, last: int) -> None:
        """These frames are not sent; the motion of one never added is in that of the next."""
        for sequence in range(first, last + 1):
            self._of_dropped = composed(self._of_dropped, self._motions.pop(sequence, STILL))

    def sent(self, sequence: int) -> Float32Array | None:
        """The motion to this frame, which is sent, from the one sent before."""
        motion = composed(self._of_dropped, self._motions.pop(sequence, None))
        self._of_dropped = STILL
        return motion
