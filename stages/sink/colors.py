"""One colour for each track id: stable, bright, and far from those of its neighbours."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import NamedTuple

_GOLDEN_RATIO = 0.6180339887498949
_BT709 = 1  # AVCOL_SPC_BT709

# Brightness and saturation change with the hue's round, so that equal hues still differ.
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
def track_color(identity: int, color_space: int = 2) -> YuvColor:
    """Colour of a track.

    Hues advance by the golden ratio from id to id, which spreads any run of ids evenly.

    Args:
        identity: Track id.
        color_space: FFmpeg's ``AVColorSpace`` of the frame; everything but BT.709 takes BT.601.
    """
    saturation, value = _SHADES[identity % len(_SHADES)]
    hue = (identity * _GOLDEN_RATIO) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    kr, kb = (0.2126, 0.0722) if color_space == _BT709 else (0.299, 0.114)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    return YuvColor(
        round(16 + 219 * luma),
        round(128 + 112 * (blue - luma) / (1 - kb)),
        round(128 + 112 * (red - luma) / (1 - kr)),
    )
