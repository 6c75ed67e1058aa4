"""A colour for each track id: stable, bright, and far from those of neighbouring ids."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from stages.color_spaces import yuv_matrix
from stages.records import PixelFormat

_GOLDEN_RATIO = 0.6180339887498949

# Saturation and brightness, which vary from id to id so that similar hues can be told apart.
_SHADES = ((0.72, 1.0), (0.50, 1.0), (0.85, 0.88))


class YuvColor(NamedTuple):
    """A colour in limited-range YUV, each component 16 to 240."""

    y: int
    u: int
    v: int

    @property
    def contrast(self) -> YuvColor:
        """Black or white, whichever is easier to read on this colour."""
        return BLACK if self.y > 120 else WHITE


BLACK = YuvColor(20, 128, 128)
WHITE = YuvColor(235, 128, 128)


@lru_cache(maxsize=512)
def track_color(identity: int, pixel_format: PixelFormat) -> YuvColor:
    """Returns the colour of a track.

    Hues advance by the golden ratio from id to id, which spreads consecutive ids evenly.

    Args:
        identity: Track id.
        pixel_format: Pixel format of the frame; BGR is converted by BT.601.
    """
    saturation, value = _SHADES[identity % len(_SHADES)]
    hue = (identity * _GOLDEN_RATIO) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    y, u, v = np.linalg.solve(yuv_matrix(pixel_format), (blue, green, red)).tolist()
    return YuvColor(round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v))
