"""The matrices between RGB and YUV."""

from __future__ import annotations

import numpy as np

from stages.records import Float64Array, PixelFormat

UNSPECIFIED = 2
"""`StreamStart.color_space` of a video that states none; the numbers are FFmpeg's."""

BT601 = 6
"""FFmpeg's ``AVCOL_SPC_SMPTE170M``, which OpenCV's conversions use."""

LIMITED_RANGE = 1
"""FFmpeg's ``AVCOL_RANGE_MPEG``: luma in [16, 235]."""


def yuv_matrix(pixel_format: PixelFormat) -> Float64Array:
    """Matrix ``(3, 3)`` from Y in [0, 1], U and V in [-0.5, 0.5] to B, G and R in [0, 1]."""
    is_bt709 = pixel_format is PixelFormat.YUV420P_BT709
    red, blue = (0.2126, 0.0722) if is_bt709 else (0.299, 0.114)  # their weights in Y
    green = 1 - red - blue
    from_u, from_v = 2 * (1 - blue), 2 * (1 - red)
    return np.array(
        [[1, from_u, 0], [1, -from_u * blue / green, -from_v * red / green], [1, 0, from_v]]
    )
