"""The matrices between RGB and YUV."""

from __future__ import annotations

import numpy as np

from stages.records import Float64Array, PixelFormat

UNSPECIFIED = 2
"""`StreamStart.color_space` of a video that does not state one; the numbers are FFmpeg's."""

BT601 = 6
"""FFmpeg's ``AVCOL_SPC_SMPTE170M``, which OpenCV's conversions use."""

LIMITED_RANGE = 1
"""FFmpeg's ``AVCOL_RANGE_MPEG``: luma in [16, 235]."""

_FORMATS = {  # by FFmpeg's number of the color space
    1: PixelFormat.YUV420P_BT709,
    7: PixelFormat.YUV420P_SMPTE240M,
    9: PixelFormat.YUV420P_BT2020,
}

_WEIGHTS = {  # of red and blue in Y
    PixelFormat.YUV420P: (0.299, 0.114),
    PixelFormat.BGR24: (0.299, 0.114),  # when it is encoded
    PixelFormat.YUV420P_BT709: (0.2126, 0.0722),
    PixelFormat.YUV420P_SMPTE240M: (0.212, 0.087),
    PixelFormat.YUV420P_BT2020: (0.2627, 0.0593),
}


def color_space_of(pixel_format: PixelFormat, stated: int) -> int:
    """Returns FFmpeg's number for the color space in which frames of a format are encoded.

    Args:
        pixel_format: Format of the frames.
        stated: The number that the video stated at its beginning; the frames may have changed
            since. RGB (0) and reserved (3) say nothing about YUV, but x264 would take 0 literally.
    """
    if pixel_format is PixelFormat.BGR24:
        return BT601
    if yuv_format(stated) is pixel_format:
        return UNSPECIFIED if stated in (0, 3) else stated
    return next((number for number, each in _FORMATS.items() if each is pixel_format), BT601)


def yuv_format(color_space: int) -> PixelFormat:
    """Returns the YUV format for FFmpeg's number of a color space; BT.601 for all others."""
    return _FORMATS.get(color_space, PixelFormat.YUV420P)


def yuv_matrix(pixel_format: PixelFormat) -> Float64Array:
    """Returns the matrix ``(3, 3)`` from Y in [0, 1], U, V in [-0.5, 0.5] to B, G, R in [0, 1]."""
    red, blue = _WEIGHTS[pixel_format]
    green = 1 - red - blue
    from_u, from_v = 2 * (1 - blue), 2 * (1 - red)
    return np.array(
        [[1, from_u, 0], [1, -from_u * blue / green, -from_v * red / green], [1, 0, from_v]]
    )
