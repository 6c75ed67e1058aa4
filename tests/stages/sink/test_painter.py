from __future__ import annotations

import dataclasses
from fractions import Fraction
from math import nan

import numpy as np
import pytest

from stages.measurements import Counts, ZoneCounts
from stages.records import FrameHeader, PixelFormat, Tracks
from stages.sink.colors import BLACK, WHITE, track_color
from stages.sink.counting import Readings
from stages.sink.drawing import YuvCanvas
from stages.sink.glyphs import GlyphAtlas
from stages.sink.options import SinkOptions
from stages.sink.painter import OverlayPainter, clock
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


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_trail_runs_from_outside_the_frame_to_the_edge_of_the_box(axis: int, sign: int) -> None:
    """From the left, the right, the top and the bottom."""
    painter = OverlayPainter(HEIGHT, WIDTH)
    size, center = (WIDTH, HEIGHT)[axis], [WIDTH // 2, HEIGHT // 2]
    for index in range(9):
        center[axis] = -60 + 20 * index if sign > 0 else size + 60 - 20 * index
        box = [center[0] - 20, center[1] - 20, center[0] + 20, center[1] + 20]
        canvas = paint(painter, make_tracks(header(index), [box], [1]))
    changed = (canvas.y if axis == 0 else canvas.y.T) != 100  # rows along the path
    along = changed[:, ::sign]
    middle = center[1 - axis]
    path = along[middle - 2 : middle + 3].any(axis=0)
    assert path[:80].all()  # to the box, which begins there
    assert not path[83:117].any()  # the vehicle is clear


def test_a_trail_that_lies_outside_the_frame_is_not_drawn() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(9):
        beside, below = WIDTH + 50 + 20 * index, HEIGHT + 50 + 20 * index
        boxes = [[beside, 50, beside + 10, 60], [50, below, 60, below + 10]]
        canvas = paint(painter, make_tracks(header(index), boxes, [1, 2]))
    assert (canvas.y[:200] == 100).sum() > 200 * WIDTH - 4 * 20 * 14  # except for the labels


def test_trail_includes_frames_that_were_not_drawn() -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    paint(painter, make_tracks(header(0), [[100, 100, 140, 140]], [1]))
    painter.follow(make_tracks(header(1), [[200, 200, 240, 240]], [1]))
    canvas = paint(painter, make_tracks(header(2), [[300, 100, 340, 140]], [1]))
    assert (canvas.y[210:230, 210:230] != 100).any()


def test_no_trail_is_drawn_if_its_length_is_zero() -> None:
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


def test_everything_drawn_is_scaled_with_the_picture() -> None:
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


@pytest.mark.parametrize("shape", [(2160, 3840), (3840, 2160)])
def test_lines_and_letters_grow_with_the_shorter_side(shape: tuple[int, int]) -> None:
    painter = OverlayPainter(*shape)
    planes = [np.full(shape, 100, np.uint8)]
    planes += [np.full((shape[0] // 2, shape[1] // 2), 128, np.uint8) for _ in "uv"]
    painter.draw(YuvCanvas(*planes), make_tracks(header(0), [[400, 400, 1200, 800]], [1]), 1)
    column = planes[0][:, 1100] != 100
    assert column[400:406].all()
    assert not column[406:794].any()
    assert column[794:800].all()
    assert GlyphAtlas(34).height == (planes[0][:400, 410] != 100).sum()


@pytest.mark.parametrize(
    ("live", "time"), [(False, "00:00.280"), (True, "1970-01-01 00:00:00.280 UTC")]
)
def test_number_and_time_of_the_frame_are_at_the_lower_left(live: bool, time: str) -> None:
    """The time is the position in a recorded video, and the capture time of a live frame."""
    later = dataclasses.replace(header(7), pts=0) if live else header(7)
    canvas = paint(OverlayPainter(HEIGHT, WIDTH, live=live), make_tracks(later))
    mask = GlyphAtlas(7).mask(f"  frame 8   {time}  ").full
    height, width = mask.shape
    stamp = canvas.y[HEIGHT - height :, :width]
    assert (stamp[mask == 0] == BLACK.y).all()
    assert (stamp[mask == 255] == WHITE.y).all()
    stamp[:] = 100
    assert (canvas.y == 100).all()


@pytest.mark.parametrize("shape", [(12, 400), (270, 60)])
def test_text_is_omitted_on_frames_that_are_too_small(shape: tuple[int, int]) -> None:
    lines = {"the stop line": (0, 0, 0, 40)}
    painter = OverlayPainter(*shape, options=SinkOptions(lines=lines))
    planes = [np.full(shape, 100, np.uint8)]
    planes += [np.full((shape[0] // 2, shape[1] // 2), 128, np.uint8) for _ in "uv"]
    readings = Readings(crossed={"the stop line": Counts(3, 4)})
    painter.draw(YuvCanvas(*planes), make_tracks(header(0)), 1, readings)
    assert (planes[0][:, 4:] == 100).all()


def test_lines_and_counts_are_drawn_even_if_partly_or_wholly_outside() -> None:
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
    assert (canvas.y[-20:, -100:] == WHITE.y).any()  # inside although its line is not


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


def test_a_track_without_a_score_is_drawn_and_labelled_without() -> None:
    labels = []
    for class_names, scores in ((("car",), [0.5]), (("car",), [nan]), ((), [nan])):
        painter = OverlayPainter(
            HEIGHT, WIDTH, class_names, options=SinkOptions(overlay_min_score=0.4)
        )
        tracks = make_tracks(header(0), [[100, 100, 300, 140]], [1], scores)
        labels.append(int((paint(painter, tracks).y[88, 90:290] != 100).sum()))
    assert labels[0] > labels[1] > labels[2] > 0


def test_single_class_name_is_not_shown_with_a_speed() -> None:
    """With several classes, the class name is shown."""
    labels = []
    for class_names in ((), ("car",), ("car", "bus")):
        painter = OverlayPainter(HEIGHT, WIDTH, class_names)
        tracks = make_tracks(header(0), [[100, 100, 300, 140]], [1])
        painter.draw(canvas := blank(), tracks, 1, Readings(speeds={1: 48.0}))
        labels.append(canvas.y[80:100].tobytes())
    assert labels[0] == labels[1] != labels[2]


def test_label_length_has_hysteresis_in_the_box_size() -> None:
    """A full label stays full down to a size at which a short label stays short."""

    def label(painter: OverlayPainter, width: int) -> int:
        tracks = make_tracks(header(0), [[100, 100, 100 + width, 140]], [1])
        return int((paint(painter, tracks).y[88, 90:250] != 100).sum())

    grown, shrunk = (OverlayPainter(HEIGHT, WIDTH, ("car",)) for _ in "ab")
    full = label(shrunk, 100)
    between = round(0.52 * full)
    short = label(grown, 12)
    assert label(shrunk, between) == full
    assert label(grown, between) == short < full / 2
    assert label(shrunk, round(0.4 * full)) == short
    assert label(grown, round(0.65 * full)) == full


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
def test_abnormal_boxes_do_not_prevent_drawing_others(box: list[float]) -> None:
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(3):
        canvas = paint(painter, make_tracks(header(index), [box, [9, 99, 50, 140]], [1, 2]))
        assert (canvas.y[110:130, 8] == luma_of(2)).all()


def test_box_is_drawn_on_a_tiny_frame() -> None:
    painter = OverlayPainter(2, 2)
    planes = [np.zeros((2, 2), np.uint8), *(np.zeros((1, 1), np.uint8) for _ in "uv")]
    painter.draw(YuvCanvas(*planes), make_tracks(header(0), [[0, 0, 2, 2]], [1]), 1)
    assert (planes[0] == luma_of(1)).all()


def test_all_of_many_tracks_are_drawn() -> None:
    rng = np.random.default_rng(0)
    painter = OverlayPainter(HEIGHT, WIDTH)
    for index in range(3):
        boxes = rng.uniform(0, 250, (150, 4))
        boxes[:, 2:] += boxes[:, :2]
        canvas = paint(painter, make_tracks(header(index), boxes, np.arange(150)))
        assert {luma_of(identity) for identity in range(150)} <= {*canvas.y.ravel().tolist()}


def test_clock_format() -> None:
    assert clock(Fraction(0)) == "00:00.000"
    assert clock(Fraction(125_0005, 10_000)) == "02:05.001"
    assert clock(Fraction(3661)) == "1:01:01.000"
    assert clock(Fraction(-1, 2)) == "-00:00.500"


def test_lines_of_a_moving_camera_are_drawn_where_the_frame_shows_them() -> None:
    lines, moved = ({"gate": (x, 100.0, x + 50, 100.0)} for x in (150.0, 190.0))
    painter, expected = (
        OverlayPainter(HEIGHT, WIDTH, options=SinkOptions(lines=each)) for each in (lines, moved)
    )
    counts = {"gate": Counts(3, 4)}
    view = (1.0, 0.0, -40.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    canvases = [blank() for _ in "abc"]
    tracks = make_tracks(header(0))
    painter.draw(canvases[0], tracks, 1, Readings(counts, view=view))
    expected.draw(canvases[1], tracks, 1, Readings(counts))
    painter.draw(canvases[2], tracks, 1, Readings(counts, view=()))  # it is not known where
    assert (canvases[0].y == canvases[1].y).all()
    assert (canvases[0].y[:200] != 100).any()
    assert (canvases[2].y[:200] == 100).all()
