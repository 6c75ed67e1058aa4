"""OpenCV's fixed-point coordinates, for outlines with subpixel precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]

SHIFT = 4  # fractional bits


def to_fixed(points: npt.NDArray[Any], shift: int = SHIFT) -> Int32Array:
    """Returns pixel coordinates with ``shift`` fractional bits, rounded."""
    return np.round(points * (1 << shift)).astype(np.int32)
