from __future__ import annotations

import numpy as np
import pytest

from stages.records import PixelFormat
from stages.sink.pictures import canvas_of, copy_frame


@pytest.mark.parametrize(("height", "width"), [(6, 8), (34, 50)])
def test_yuv_is_copied_as_it_is(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(16, 235, (height * 3 // 2, width), np.uint8)
    before = pixels.copy()
    frame = copy_frame(pixels, PixelFormat.YUV420P, 1)
    assert (frame.height, frame.width, frame.colorspace, frame.color_range) == (height, width, 1, 1)
    np.testing.assert_array_equal(frame.to_ndarray(), before)
    pixels[:] = 0
    np.testing.assert_array_equal(frame.to_ndarray(), before)


@pytest.mark.parametrize(("height", "width"), [(5, 8), (6, 7), (5, 7), (6, 8)])
def test_bgr_gets_even_sides(height: int, width: int) -> None:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = (200, 60, 30)
    frame = copy_frame(pixels, PixelFormat.BGR24, 6)
    assert (frame.height, frame.width) == (6, 8)
    shown = frame.to_ndarray(format="bgr24").astype(int)
    assert np.abs(shown - (200, 60, 30)).max() < 8


def test_a_canvas_draws_onto_the_frame() -> None:
    frame = copy_frame(np.full((9, 8), 128, np.uint8), PixelFormat.YUV420P, 2)
    canvas = canvas_of(frame)
    canvas.y[:], canvas.u[:], canvas.v[:] = 1, 2, 3
    np.testing.assert_array_equal(frame.to_ndarray().reshape(-1), [1] * 48 + [2] * 12 + [3] * 12)
