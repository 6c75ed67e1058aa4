"""Detects shadows: pixels darker than the background, but of the same colour."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stages.records import UInt8Array

DARKEST, BRIGHTEST = 0.5, 0.95
MAX_TINT = 0.04
_LIFT = 4.0  # grey levels; stabilises the ratios of dark pixels


def is_shadow(image: UInt8Array, background: UInt8Array) -> npt.NDArray[np.bool_]:
    """Returns where ``image`` shows ``background`` in shadow (ratio test, Cucchiara et al. 2003).

    A pixel is in shadow if all three channels have about the same ratio to the background, and that
    ratio lies between `DARKEST` and `BRIGHTEST`.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        background: The same view without vehicles.

    Returns:
        ``(H, W)`` bool.
    """
    ratios = cv2.divide(_smoothed(image), _smoothed(background))
    blue, green, red = cv2.split(ratios)
    highest = cv2.max(cv2.max(blue, green), red)
    tint = cv2.subtract(highest, cv2.min(cv2.min(blue, green), red))
    mean = cv2.transform(ratios, np.full((1, 3), 1 / 3, np.float32))
    return np.asarray((mean > DARKEST) & (mean < BRIGHTEST) & (tint < MAX_TINT))


def _smoothed(image: UInt8Array) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.blur(image, (3, 3)), np.float32) + np.float32(_LIFT)
