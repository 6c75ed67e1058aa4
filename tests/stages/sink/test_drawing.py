from __future__ import annotations

import numpy as np
import pytest

from stages.records import PixelFormat
from stages.sink.colors import BLACK, WHITE, YuvColor, track_color
from stages.sink.drawing import YuvCanvas
from stages.sink.glyphs import GlyphAtlas

RED = YuvColor(81, 90, 240)


@pytest.fixture
def canvas() -> YuvCanvas:
    planes = [np.full((60, 80), 100, np.uint8), *(np.full((30, 40), 128, np.uint8) for _ in "uv")]
    return YuvCanvas(*planes)


def test_outline_colors_its_edge_and_nothing_else(canvas: YuvCanvas) -> None:
    canvas.outline(10, 20, 40, 50, RED, 2)
    edge = np.zeros((60, 80), bool)
    edge[20:50, 10:40] = True
    edge[22:48, 12:38] = False
    np.testing.assert_array_equal(canvas.y, np.where(edge, 81, 100))
    np.testing.assert_array_equal(canvas.u, np.where(edge[::2, ::2], 90, 128))
    np.testing.assert_array_equal(canvas.v, np.where(edge[::2, ::2], 240, 128))


def test_outline_is_clipped_to_the_frame(canvas: YuvCanvas) -> None:
    canvas.outline(-20, -10, 40, 90, RED, 4)
    assert (canvas.y[:, 36:40] == 81).all()
    assert (canvas.y[:, :36] == 100).all()


def test_label_background_and_text(canvas: YuvCanvas) -> None:
    mask = GlyphAtlas(9).mask(" 12 ")
    height, width = mask.full.shape
    canvas.label(10, 20, mask, RED, WHITE)
    region = canvas.y[20 : 20 + height, 10 : 10 + width]
    assert (region[mask.full == 0] == RED.y).all()
    assert (region[mask.full == 255] == WHITE.y).all()
    assert (mask.full == 255).any()
    mixed = RED.y + (WHITE.y - RED.y) * (mask.full / 255)
    np.testing.assert_allclose(region, mixed, rtol=0, atol=0.51)
    for plane, background in ((canvas.u, RED.u), (canvas.v, RED.v)):
        label = plane[10 : 10 + height // 2, 5 : 5 + width // 2]
        mixed = background + (128 - background) * (mask.half / 255)
        np.testing.assert_allclose(label, mixed, rtol=0, atol=0.51)
        label[:] = 128
        assert (plane == 128).all()
    region[:] = 100
    assert (canvas.y == 100).all()


def test_blend_mixes_with_darker_and_lighter_colors(canvas: YuvCanvas) -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[:2] = 255
    mask[2:, :4] = 128
    canvas.blend(8, 10, mask, BLACK)
    np.testing.assert_array_equal(canvas.y[10:14, 8:14:4], [[20, 20]] * 2 + [[60, 100]] * 2)
    canvas.blend(8, 10, mask, WHITE)
    assert canvas.y[10, 8] == 235
    assert (canvas.u == 128).all()
    canvas.blend(8, 10, mask, RED)
    np.testing.assert_array_equal(canvas.u[5:7, 4:7], [[90] * 3, [109, 109, 128]])
    np.testing.assert_array_equal(canvas.v[5:7, 4:7], [[240] * 3, [184, 184, 128]])


def test_line_is_drawn_in_its_color(canvas: YuvCanvas) -> None:
    canvas.line((10, 20), (60, 20), RED, 4)
    assert (canvas.y[19:22, 10:60] == RED.y).all()
    assert (canvas.u[10, 5:30] == RED.u).all()
    assert (canvas.v[10, 5:30] == RED.v).all()
    assert (np.delete(canvas.y, np.s_[18:23], axis=0) == 100).all()
    for plane in (canvas.u, canvas.v):
        assert (np.delete(plane, np.s_[9:12], axis=0) == 128).all()


def test_glyphs_are_even_sized_cached_and_without_accents() -> None:
    atlas = GlyphAtlas(8)
    assert all(side % 2 == 0 for side in atlas.mask("abc").full.shape)
    assert atlas.mask("abc") is atlas.mask("abc")
    np.testing.assert_array_equal(atlas.mask("Süd").full, atlas.mask("Sud").full)
    assert atlas.mask("0.11").full.shape == atlas.mask("0.88").full.shape


def test_colors_are_stable_legal_and_distinct() -> None:
    colors = [track_color(identity, PixelFormat.YUV420P) for identity in range(1, 200)]
    assert colors == [track_color(identity, PixelFormat.YUV420P) for identity in range(1, 200)]
    values = np.array(colors)
    assert values.min() >= 16
    assert values.max() <= 240
    neighbors = np.array(colors[:12], float)
    distances = np.linalg.norm(neighbors[:, None] - neighbors[None], axis=2)
    assert distances[~np.eye(12, dtype=bool)].min() > 25


def test_colors_follow_the_matrix_of_the_frame() -> None:
    assert track_color(7, PixelFormat.YUV420P) == track_color(7, PixelFormat.BGR24) == (191, 90, 83)
    assert track_color(7, PixelFormat.YUV420P_BT709) == (205, 84, 80)
