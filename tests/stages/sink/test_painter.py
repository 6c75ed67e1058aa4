from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stages.records import FrameHeader, PixelFormat, Tracks
from stages.sink.colors import WHITE, track_color
from stages.sink.counting import Readings
from stages.sink.crossings import Counts
from stages.sink.drawing import YuvCanvas
from stages.sink.options import SinkOptions
from stages.sink.painter import OverlayPainter, clock
from stages.sink.zones import ZoneCounts
from tests.stages.sink.conftest import make_header, make_tracks

HEIGHT, WIDTH = 270, 480


def header(index: int) -> FrameHeader:
    return make_header(index, height=HEIGHT, width=WIDTH)


def blank() -> YuvCanvas:
    half = (HEIGHT // 2, WIDTH // 2)
    return YuvCanvas(
        np.full((HEIGHT, WIDTH), 100, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
    )


def luma_of(identity: int) -> int:
    return track_color(identity, PixelFormat.YUV420P).y


def paint(painter: OverlayPainter, tracks: Tracks) -> YuvCanvas:
    canvas = blank()
    painter.draw(canvas, tracks, tracks.frame.number)
    return canvas


def test_trail_fades_and_leaves_the_vehicle_clear() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(30):
        x = 100 + 6 * index
        canvas = paint(painter, make_tracks(header(index), [[x, 100, x + 40, 140]], [1]))
    changed = np.abs(canvas.y.astype(int) - 100)
    assert (changed[102:138, x + 2 : x + 38] == 0).all()
    trail = changed[118:123].max(axis=0)
    newest, oldest = trail[x - 20 : x - 5].max(), trail[x - 118 : x - 100].max()
    assert newest > 2 * oldest > 0
    assert (trail[: x + 20 - 25 * 6 - 4] == 0).all()


def test_no_trails_on_request() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH, options=SinkOptions(overlay_trail=0))
    for x in (100, 200):
        canvas = paint(painter, make_tracks(header(x), [[x, 100, x + 40, 140]], [1]))
    assert (canvas.y[110:130, 60:198] == 100).all()


def test_low_scores_are_not_drawn() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH, options=SinkOptions(overlay_min_score=0.5))
    boxes = [[100, 100, 140, 140], [300, 100, 340, 140]]
    canvas = paint(painter, make_tracks(header(0), boxes, [1, 2], [0.4, 0.6]))
    assert (canvas.y[80:160, 80:160] == 100).all()
    assert canvas.y[120, 300] == luma_of(2)


def test_all_that_is_drawn_is_scaled_with_the_picture() -> None:
    lines = {"gate": (800, 600, 840, 1000)}
    options = SinkOptions(overlay_height=HEIGHT, lines=lines)
    painter = OverlayPainter(4 * HEIGHT, 4 * WIDTH, options=options)
    assert (painter.height, painter.width) == (HEIGHT, WIDTH)
    for index in range(20):
        x = 400 + 40 * index
        canvas = paint(painter, make_tracks(header(index), [[x, 400, x + 160, 560]], [1]))
    changed = canvas.y != 100
    left = x // 4
    assert (canvas.y[105:135, left] == luma_of(1)).all()
    assert (canvas.y[105:135, left + 39] == luma_of(1)).all()
    assert changed[118:123, 130:left].any(axis=0).all()  # the trail
    assert changed[160:240, 198:212].any(axis=1).all()  # the line
    changed[:, 198:212] = False
    assert not changed[145:240].any()


def test_lines_are_drawn_with_their_counts_wherever_they_lie() -> None:
    lines = {"gate": (100, 200, 300, 200), "far": (-1e9, 60, 1e9, 60), "out": (900, 900, 999, 999)}
    painter = OverlayPainter(HEIGHT, WIDTH, options=SinkOptions(lines=lines))
    canvas, labels = blank(), []
    for left in (3, 888):
        readings = Readings(crossed={name: Counts(left, 4) for name in lines})
        painter.draw(canvas := blank(), make_tracks(header(0)), 1, readings)
        labels.append(canvas.y[190:210, 100:250])
    assert (canvas.y[200, 250:300] == WHITE.y).all()
    assert (canvas.y[60, 150:] == WHITE.y).all()
    assert (canvas.y[70:180] == 100).all()
    assert (labels[0] < 50).any()
    assert (labels[0] != labels[1]).any()
    assert (canvas.y[-20:, -100:] == WHITE.y).any()  # inside, though its line is not


def test_zones_are_drawn_with_their_counts() -> None:
    options = SinkOptions(
        overlay_height=HEIGHT, zones={"stop": ((400, 400), (1200, 400), (1200, 800))}
    )
    painter = OverlayPainter(4 * HEIGHT, 4 * WIDTH, options=options)
    labels = []
    for inside in (3, 8):
        readings = Readings(zones={"stop": ZoneCounts(9, inside)})
        painter.draw(canvas := blank(), make_tracks(header(0)), 1, readings)
        labels.append(canvas.y[90:110, 100:190])
    assert (canvas.y[100, 250:300] == WHITE.y).all()  # beside the label
    assert (canvas.y[100:200, 300] == WHITE.y).all()
    # Releases of OpenCV place a slanting line a pixel apart.
    slanting = [canvas.y[y, 2 * y - 102 : 2 * y - 97] for y in range(130, 200)]
    assert all((pixels == WHITE.y).any() for pixels in slanting)
    assert (labels[0] != labels[1]).any()


def test_a_speed_is_shown_instead_of_the_score() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    labels = []
    for speeds in ({}, {1: 47.6}, {1: 48.4}, {1: 49.0}, {2: 48.0}):
        tracks = make_tracks(header(0), [[100, 100, 260, 140]], [1])
        painter.draw(canvas := blank(), tracks, 1, Readings(speeds=speeds))
        labels.append(canvas.y[80:100].tobytes())
    assert labels[1] == labels[2]  # whole km/h
    assert labels[0] == labels[4]
    assert len({*labels}) == 3


def test_small_vehicles_get_a_short_label() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH, class_names=("car",))
    large = paint(painter, make_tracks(header(0), [[100, 100, 200, 140]], [1])).y[80:100] != 100
    small = paint(painter, make_tracks(header(1), [[100, 100, 112, 110]], [2])).y[80:100] != 100
    assert 0 < small.any(axis=0).sum() < large.any(axis=0).sum() / 2


@pytest.mark.parametrize(
    "box",
    [
        [np.nan, 0, 1, 1],
        [-1e9, -1e9, 1e9, 1e9],
        [470, 260, 600, 400],
        [-90, -90, -20, -20],
        [5] * 4,
    ],
)
def test_a_box_of_any_kind_keeps_no_other_from_being_drawn(box: list[float]) -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(3):
        canvas = paint(painter, make_tracks(header(index), [box, [9, 99, 50, 140]], [1, 2]))
        assert (canvas.y[110:130, 8] == luma_of(2)).all()


def test_tiny_frame() -> None:
    painter = OverlayPainter(2, 2)
    planes = [np.zeros((2, 2), np.uint8), *(np.zeros((1, 1), np.uint8) for _ in "uv")]
    painter.draw(YuvCanvas(*planes), make_tracks(header(0), [[0, 0, 2, 2]], [1]), 1)
    assert (planes[0] == luma_of(1)).all()


def test_many_tracks() -> None:
    rng = np.random.default_rng(0)
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(3):
        boxes = rng.uniform(0, 250, (150, 4))
        boxes[:, 2:] += boxes[:, :2]
        canvas = paint(painter, make_tracks(header(index), boxes, np.arange(150)))
        assert {luma_of(identity) for identity in range(150)} <= {*canvas.y.ravel().tolist()}


def test_clock() -> None:
    assert clock(Fraction(0)) == "00:00.000"
    assert clock(Fraction(125_0005, 10_000)) == "02:05.001"
    assert clock(Fraction(3661)) == "1:01:01.000"
    assert clock(Fraction(-1, 2)) == "-00:00.500"
