from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.records import PixelFormat
from stages.sink.pictures import canvas_of, copy_frame, picture_size


@pytest.mark.parametrize(("height", "width"), [(6, 8), (34, 50)])
def test_yuv_is_copied_unchanged(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(16, 235, (height * 3 // 2, width), np.uint8)
    before = pixels.copy()
    frame = copy_frame(pixels, PixelFormat.YUV420P, 1, (height, width))
    assert (frame.height, frame.width, frame.colorspace, frame.color_range) == (height, width, 1, 1)
    np.testing.assert_array_equal(frame.to_ndarray(), before)
    pixels[:] = 0
    np.testing.assert_array_equal(frame.to_ndarray(), before)


@pytest.mark.parametrize(("height", "width"), [(5, 8), (6, 7), (5, 7), (6, 8)])
def test_bgr_gets_even_sides(height: int, width: int) -> None:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = (200, 60, 30)
    frame = copy_frame(pixels, PixelFormat.BGR24, 6, (6, 8))
    assert (frame.height, frame.width) == (6, 8)
    shown = frame.to_ndarray(format="bgr24").astype(int)
    assert np.abs(shown - (200, 60, 30)).max() < 8


@pytest.mark.parametrize(
    ("size", "max_height", "expected"),
    [
        ((1080, 1920), None, (1080, 1920)),
        ((1079, 1919), None, (1080, 1920)),
        ((1080, 1920), 1080, (1080, 1920)),
        ((2160, 3840), 1080, (1080, 1920)),
        ((1920, 1080), 721, (720, 406)),
        ((540, 960), 720, (540, 960)),
    ],
)
def test_pictures_keep_the_aspect_ratio_of_frames(
    size: tuple[int, int], max_height: int | None, expected: tuple[int, int]
) -> None:
    assert picture_size(*size, max_height) == expected


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_smaller_copy_averages_pixels(pixel_format: PixelFormat) -> None:
    bgr = np.zeros((72, 96, 3), np.uint8)
    bgr[:, ::2] = 200  # columns too narrow for the copy
    bgr[36:] = (30, 60, 200)
    pixels = bgr
    if pixel_format is not PixelFormat.BGR24:
        pixels = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    frame = copy_frame(pixels, pixel_format, 6, (36, 48))
    shown = frame.to_ndarray(format="bgr24").astype(int)
    assert shown.shape == (36, 48, 3)
    assert np.abs(shown[:17] - (100, 100, 100)).max() < 8
    assert np.abs(shown[19:] - (30, 60, 200)).max() < 8


def test_a_canvas_draws_onto_the_frame() -> None:
    frame = copy_frame(np.full((9, 8), 128, np.uint8), PixelFormat.YUV420P, 2, (6, 8))
    canvas = canvas_of(frame)
    canvas.y[:], canvas.u[:], canvas.v[:] = 1, 2, 3
    np.testing.assert_array_equal(frame.to_ndarray().reshape(-1), [1] * 48 + [2] * 12 + [3] * 12)
