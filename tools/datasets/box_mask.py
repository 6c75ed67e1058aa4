"""The pixels that boxes cover."""

from __future__ import annotations

import numpy as np

from stages.records import Float32Array, UInt8Array


def box_mask(boxes: Float32Array, height: int, width: int) -> UInt8Array:
    """Returns ``(height, width)`` uint8, 255 where a box of ``(N, 4)`` ltrb touches the pixel."""
    mask = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in whole_boxes(boxes, height, width):
        mask[top:bottom, left:right] = 255
    return mask


def whole_boxes(boxes: Float32Array, height: int, width: int) -> list[list[int]]:
    """Returns the pixels that boxes ``(N, 4)`` touch, as integer ltrb inside the image."""
    outward = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1)
    return [[int(v) for v in box] for box in outward.clip(0, [width, height, width, height])]
