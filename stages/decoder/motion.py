"""Camera motion from one frame to another, as an affine map ``(2, 3)`` of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.records import Float32Array

_MAX_ZOOM = 10.0  # between two frames that show the same scene
_FARTHEST = 1e6  # pixels between two such frames

STILL = np.eye(2, 3, dtype=np.float32)
"""The motion of a camera that stands still."""


def composed(first: Float32Array | None, second: Float32Array | None) -> Float32Array | None:
    """Composes two affine motions ``(2, 3)``; None, for unknown, if either is None.

    Also None if the composed motion is too large to mean anything.
    """
    if first is None or second is None:
        return None
    both = second[:, :2].astype(np.float64) @ first
    both[:, 2] += second[:, 2]
    return both.astype(np.float32) if is_likely(both) else None


def is_likely(motion: npt.NDArray[np.floating]) -> bool:
    """Returns whether a motion is plausible for a camera."""
    return bool(
        _MAX_ZOOM**-2 <= np.linalg.det(motion[:, :2]) <= _MAX_ZOOM**2
        and np.abs(motion[:, 2]).max() < _FARTHEST
    )
