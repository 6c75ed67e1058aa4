import itertools

import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from stages.bgr import to_bgr
from stages.detector.device_input import yuv_to_bgr
from stages.records import PixelFormat

BT2020 = getattr(Colorspace, "BT2020", None)  # PyAV 17 cannot convert it


@pytest.mark.parametrize(
    ("pixel_format", "matrix"),
    [
        (PixelFormat.YUV420P, Colorspace.ITU601),
        (PixelFormat.YUV420P_BT709, Colorspace.ITU709),
        (PixelFormat.YUV420P_SMPTE240M, Colorspace.SMPTE240M),
        (PixelFormat.YUV420P_BT2020, BT2020),
    ],
)
def test_saturated_colors_match_ffmpeg(pixel_format, matrix):
    if matrix is None:
        pytest.skip("this PyAV does not convert it")
    colors = np.array([*itertools.product((0, 128, 255), repeat=3)], np.uint8)
    picture = np.tile(colors.repeat(8, axis=0), (6, 1, 1))
    frame = VideoFrame.from_ndarray(picture, "bgr24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
    pixels = frame.to_ndarray()
    expected = frame.reformat(format="bgr24", src_colorspace=matrix).to_ndarray().astype(int)
    on_device = yuv_to_bgr(torch.from_numpy(pixels)[None], pixel_format)[0].permute(1, 2, 0)
    for found in (to_bgr(pixels, pixel_format), on_device.numpy()):
        assert np.abs(found - expected).max() <= 3


def test_luma_below_black_is_black():
    pixels = np.full((6, 4), 200, np.uint8)
    dark = pixels.copy()
    pixels[:4], dark[:4] = 16, 0
    for found in (to_bgr(each, PixelFormat.YUV420P_BT709) for each in (pixels, dark)):
        np.testing.assert_array_equal(found, to_bgr(pixels, PixelFormat.YUV420P_BT709))
