"""Converts the pixels of frames to BGR."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from stages.color_spaces import yuv_matrix
from stages.records import Float64Array, PixelFormat, UInt8Array


def to_bgr(
    pixels: UInt8Array, pixel_format: PixelFormat, memory: UInt8Array | None = None
) -> UInt8Array:
    """Returns the frame as ``(H, W, 3)`` uint8 BGR, converted into ``memory`` if it is given."""
    if not pixel_format.is_yuv:
        return pixels
    if pixel_format is PixelFormat.YUV420P:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_I420, memory), np.uint8)
    if memory is None:
        memory = np.empty((len(pixels) * 2 // 3, pixels.shape[1], 3), np.uint8)
    _yuv_to_bgr(pixels, memory, _affine_matrix(pixel_format))
    return memory


@cache
def _affine_matrix(pixel_format: PixelFormat) -> Float64Array:
    """Returns the matrix ``(3, 4)`` from Y, U, V, 1 to B, G, R, all as bytes."""
    # Limited range: 219 steps from black to white, 224 of chroma.
    matrix = yuv_matrix(pixel_format) * (255 / np.array([219, 224, 224]))
    return np.column_stack([matrix, -matrix @ (16, 128, 128)])


def _yuv_to_bgr(pixels: UInt8Array, bgr: UInt8Array, matrix: Float64Array) -> None:
    """Converts like OpenCV, which supports only BT.601: luma below 16 counts as 16."""
    height, width, _ = bgr.shape
    planes = pixels[height:].reshape(2, height // 2, width // 2)
    u, v = (cv2.merge([plane, plane]).reshape(-1, width) for plane in planes)  # twice as wide
    for first in (0, 1):
        rows = bgr[first::2]
        y = cv2.max(pixels[first:height:2], 16)  # type: ignore[call-overload]  # a scalar
        cv2.merge([y, u, v], rows)
        cv2.transform(rows, matrix, rows)
