"""Outlined text on a picture, placed so that no two texts overlap."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

from stages.records import UInt8Array
from stages.sink.glyphs import GlyphAtlas

Color: TypeAlias = tuple[int, int, int]
"""Blue, green, red."""

_MIN_CAP_HEIGHT = 9  # pixels
# How far a text may move: to the right in halves of its width, and down in heights.
_MOVES = tuple((column, row) for row in (0, -1, 1, -2, 2, -3, 3) for column in (0, 1, -1))


class Captions:
    """Texts with a black outline; they are drawn by `draw`, over everything else.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.

    Attributes:
        height: Height of a text in pixels, with its outline.
    """

    def __init__(self, height: int, width: int) -> None:
        cap_height = max(_MIN_CAP_HEIGHT, round(min(height, width) / 54))
        self._atlas = GlyphAtlas(cap_height)
        self._radius = max(1, round(cap_height / 9))  # of the outline
        self._limits = height, width
        self._placed: list[tuple[int, int, UInt8Array, Color]] = []
        self.height = self._atlas.height + 2 * self._radius

    def width_of(self, text: str) -> int:
        """Returns the width of a text in pixels, with its outline."""
        return self._atlas.mask(text).full.shape[1] + 2 * self._radius

    def add(self, x: float, y: float, text: str, color: Color, *, fixed: bool = False) -> bool:
        """Adds a text centred at a point, or as near to it as the picture and other texts permit.

        A text for which there is no room is left out; so is a ``fixed`` one that would have to
        move.

        Returns:
            Whether there is room.
        """
        mask = np.pad(self._atlas.mask(text).full, self._radius)
        height, width = mask.shape
        high, wide = self._limits
        if height > high or width > wide:
            return False
        for column, row in _MOVES[:1] if fixed else _MOVES:
            wanted = (
                round(x - width / 2 + column * width / 2),
                round(y - height / 2 + row * self.height),
            )
            left = min(max(wanted[0], 0), wide - width)
            top = min(max(wanted[1], 0), high - height)
            if fixed and (left, top) != wanted:
                return False
            if self._is_free(left, top, height, width):
                self._placed.append((left, top, np.asarray(mask, np.uint8), color))
                return True
        return False

    def draw(self, image: UInt8Array) -> None:
        """Draws the texts onto ``(H, W, 3)`` uint8 BGR, in place."""
        size = 2 * self._radius + 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        for left, top, mask, color in self._placed:
            height, width = mask.shape
            part = image[top : top + height, left : left + width]
            outline = cv2.dilate(mask, brush)[..., None] / 255
            text = mask[..., None] / 255
            part[:] = np.rint(part * (1 - outline) * (1 - text) + np.array(color) * text)

    def _is_free(self, left: int, top: int, height: int, width: int) -> bool:
        return not any(
            left < other_left + mask.shape[1]
            and other_left < left + width
            and top < other_top + mask.shape[0]
            and other_top < top + height
            for other_left, other_top, mask, _ in self._placed
        )
