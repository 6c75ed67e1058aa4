"""Draws directly onto planar YUV 4:2:0, without converting to BGR and back.

All shapes are aligned to even pixels: a chroma sample covers two by two of them, so a shape with
odd edges would bleed its colour into adjacent pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np

from stages.records import UInt8Array
from stages.sink.colors import YuvColor
from stages.sink.glyphs import TextMask, halved

Pixel: TypeAlias = tuple[int, int]
"""x and y."""


class YuvCanvas:
    """The three writable planes of one frame.

    Args:
        y: ``(H, W)`` uint8, H and W even.
        u: ``(H / 2, W / 2)`` uint8.
        v: ``(H / 2, W / 2)`` uint8.
    """

    def __init__(self, y: UInt8Array, u: UInt8Array, v: UInt8Array) -> None:
        self.y = y
        self.u = u
        self.v = v
        self.height, self.width = y.shape

    def outline(
        self, left: int, top: int, right: int, bottom: int, color: YuvColor, thickness: int
    ) -> None:
        """Outlines a rectangle, with the line inside it; edges outside the frame are not drawn.

        All numbers are even; right and bottom are exclusive.
        """
        # Nested one-pixel rectangles, because OpenCV's thickness grows to both sides.
        for inset in range(thickness):
            cv2.rectangle(
                self.y,
                (left + inset, top + inset),
                (right - 1 - inset, bottom - 1 - inset),
                color.y,
            )
        left, top, right, bottom = left // 2, top // 2, right // 2, bottom // 2
        for inset in range(thickness // 2):
            low, high = (left + inset, top + inset), (right - 1 - inset, bottom - 1 - inset)
            cv2.rectangle(self.u, low, high, color.u)
            cv2.rectangle(self.v, low, high, color.v)

    def line(self, start: Pixel, end: Pixel, color: YuvColor, thickness: int) -> None:
        """Draws a line between two points, x and y in pixels; ``thickness`` is even."""
        (x1, y1), (x2, y2) = start, end
        cv2.line(self.y, (x1, y1), (x2, y2), color.y, thickness)
        low, high = (x1 // 2, y1 // 2), (x2 // 2, y2 // 2)
        cv2.line(self.u, low, high, color.u, thickness // 2)
        cv2.line(self.v, low, high, color.v, thickness // 2)

    def label(
        self, left: int, top: int, coverage: TextMask, ground: YuvColor, text: YuvColor
    ) -> None:
        """Draws text on an opaque background.

        The label must lie within the frame, and ``left`` and ``top`` must be even.
        """
        height, width = coverage.full.shape
        ramp_y, ramp_u, ramp_v = _ramps(ground, text)
        self.y[top : top + height, left : left + width] = cv2.LUT(coverage.full, ramp_y)
        rows = slice(top // 2, (top + height) // 2)
        columns = slice(left // 2, (left + width) // 2)
        self.u[rows, columns] = cv2.LUT(coverage.half, ramp_u)
        self.v[rows, columns] = cv2.LUT(coverage.half, ramp_v)

    def blend(self, left: int, top: int, mask: UInt8Array, color: YuvColor) -> None:
        """Blends ``color`` in through a mask ``(h, w)`` uint8, where 255 is opaque.

        Both sides of the mask must be even; its position must be valid for a `label`.
        """
        height, width = mask.shape
        _mix(self.y[top : top + height, left : left + width], mask, color.y)
        half = halved(mask)
        rows = slice(top // 2, (top + height) // 2)
        columns = slice(left // 2, (left + width) // 2)
        _mix(self.u[rows, columns], half, color.u)
        _mix(self.v[rows, columns], half, color.v)


def _mix(plane: UInt8Array, mask: UInt8Array, value: int) -> None:
    difference = value - plane.astype(np.int16)
    # 257 / 65536 replaces a division by 255; after rounding it is exact for 0 and 255.
    step = (difference.astype(np.int32) * mask * 257 + 32768) >> 16
    plane += step.astype(np.uint8)  # a negative step wraps around, and so does the sum


@lru_cache(maxsize=512)
def _ramps(ground: YuvColor, text: YuvColor) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Returns tables of 256 mixtures of two colours by coverage, one for each component."""
    coverage = np.arange(256) / 255
    y, u, v = (
        np.rint(a + (b - a) * coverage).astype(np.uint8) for a, b in zip(ground, text, strict=True)
    )
    return y, u, v
