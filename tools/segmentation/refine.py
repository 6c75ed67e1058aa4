"""Turns foreground into the masks that SpotNet learns from."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stages.records import Float32Array, UInt8Array
from tools.datasets.box_mask import whole_boxes

KERNEL = (17, 17)
SIGMA = 4.0
"""Pixels. The paper's code passes OpenCV's ``BORDER_DEFAULT``, which is 4, as the sigma."""
THRESHOLD = 24
SPECK_SHARE = 2e-4
EMPTY_SHARE = 0.1  # of a box; with less foreground, the box counts as empty


def fill_empty(
    mask: UInt8Array, boxes: Float32Array, unknown: npt.NDArray[np.bool_] | None = None
) -> UInt8Array:
    """Fills each box that holds hardly any foreground, for example around a standing vehicle.

    The ellipse inscribed in the box is filled, as it is closer to a vehicle's shape than the box.

    Args:
        mask: ``(H, W)`` uint8, 0 or 255.
        boxes: ``(N, 4)`` left, top, right, bottom in pixels.
        unknown: ``(H, W)`` bool, where foreground is unknown; there, the ellipses of the other
            boxes are filled too.

    Returns:
        A new mask.
    """
    filled = mask.copy()
    for left, top, right, bottom in whole_boxes(boxes, *mask.shape):
        area = slice(top, bottom), slice(left, right)
        part = mask[area]
        if not part.size:
            continue
        ellipse = np.zeros(part.shape, np.uint8)
        height, width = part.shape
        cv2.ellipse(
            ellipse,
            (((width - 1) / 2, (height - 1) / 2), (width - 1, height - 1), 0.0),
            255,
            cv2.FILLED,
        )
        if np.count_nonzero(part) < EMPTY_SHARE * part.size:
            filled[area] |= ellipse
        elif unknown is not None:
            filled[area][unknown[area]] |= ellipse[unknown[area]]
    return filled


def without_specks(mask: UInt8Array) -> UInt8Array:
    """Removes connected regions of a mask ``(H, W)`` smaller than `SPECK_SHARE` of the image."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask)
    large = np.asarray(statistics)[:, cv2.CC_STAT_AREA] >= SPECK_SHARE * mask.size
    large[0] = False  # the background
    return (large[labels] * 255).astype(np.uint8)


def soften(mask: UInt8Array) -> UInt8Array:
    """Blurs a mask ``(H, W)`` uint8, 0 or 255, and thresholds it as the paper's code does.

    This closes holes and moves edges outwards.
    """
    blurred = cv2.GaussianBlur(mask, KERNEL, SIGMA)
    return np.asarray(cv2.threshold(blurred, THRESHOLD, 255, cv2.THRESH_BINARY)[1], np.uint8)
