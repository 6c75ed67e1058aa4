"""Renders small text as coverage masks, each glyph once.

Rendering text in every frame would cost more than the rest of the overlay together, and OpenCV's
fonts look rough at label size. Each glyph is therefore rendered once, large, and scaled down.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from stages.records import UInt8Array
from stages.wording import drawable

_OVERSAMPLING = 8
_FACE = cv2.FONT_HERSHEY_SIMPLEX


class TextMask(NamedTuple):
    """Coverage of a line of text, 0 to 255, for luma and for chroma; read-only.

    Attributes:
        full: ``(H, W)`` uint8, H and W even.
        half: ``(H / 2, W / 2)`` uint8.
    """

    full: UInt8Array
    half: UInt8Array


def halved(mask: UInt8Array) -> UInt8Array:
    """Halves a mask ``(H, W)`` uint8 with even sides, for the chroma planes."""
    height, width = mask.shape
    half = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def fitting_cap_height(height: int, width: int) -> int:
    """Returns the height of capital letters, in pixels, that suits a picture of this size."""
    return max(7, round(min(height, width) / 64))


class GlyphAtlas:
    """Masks of text in Latin letters without accents; other characters appear as ``?``.

    Args:
        cap_height: Height of a capital letter in pixels, at least 5.

    Attributes:
        height: Height of every mask in pixels, descenders and margins included; even.
        mask: Returns the `TextMask` of a text.
    """

    def __init__(self, cap_height: int) -> None:
        self.height = cap_height + cap_height % 2 + 2 * max(2, round(cap_height * 0.4))
        self._baseline = self.height - (self.height - cap_height) // 2
        self._stroke = max(1, round(cap_height * _OVERSAMPLING * 0.13))
        target = cap_height * _OVERSAMPLING
        (_, unit_height), _ = cv2.getTextSize("H", _FACE, 10.0, 1)
        self._scale = 10.0 * (target - self._stroke) / unit_height
        self._glyph = cache(self._render)
        # Consecutive frames repeat most of their labels.
        self.mask = lru_cache(maxsize=256)(self._mask)

    def _mask(self, text: str) -> TextMask:
        glyphs = [self._glyph(character) for character in drawable(text)]
        odd = sum(glyph.shape[1] for glyph in glyphs) % 2
        mask = np.concatenate([*glyphs, np.zeros((self.height, odd), np.uint8)], axis=1)
        result = TextMask(mask, halved(mask))
        for array in result:
            array.setflags(write=False)  # cached
        return result

    def _render(self, character: str) -> UInt8Array:
        # All digits have the same width, so that a label does not jitter as its number changes.
        measured = "0" if character.isdigit() else character
        (advance, _), _ = cv2.getTextSize(measured, _FACE, self._scale, self._stroke)
        width = max(2, round(advance / _OVERSAMPLING))
        canvas = np.zeros((self.height * _OVERSAMPLING, width * _OVERSAMPLING), np.uint8)
        origin = (0, self._baseline * _OVERSAMPLING - self._stroke // 2)
        cv2.putText(canvas, character, origin, _FACE, self._scale, 255, self._stroke, cv2.LINE_AA)
        glyph = cv2.resize(canvas, (width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(glyph, np.uint8)
