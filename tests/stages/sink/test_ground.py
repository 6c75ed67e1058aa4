"""Vehicles on the ground: positions in metres, and speeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from stages.measurements import GroundPlace, GroundPlaces
from stages.scene import Scene, SceneConfig
from stages.sink import ground
from stages.sink.ground import (
    Ground,
    GroundPlane,
    GroundPoints,
    SpeedMeter,
    _homography,
    checked_ground,
    ground_faults,
    ground_rows,
)
from stages.sink.lens import LensEdges
from tests.stages.sink.conftest import HEIGHT, WIDTH, make_header, make_tracks

# A tenth of a metre per pixel, in a frame of 128x96.
STRAIGHT: GroundPoints = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, -9), (0, 90, 0, -9))
# A road that leads away from the camera: a trapezium, 4 m wide and 20 m long.
ROAD = Ground(((14, 90, 0, 0), (114, 90, 4, 0), (74, 30, 4, 20), (54, 30, 0, 20)))


def box(x: float, bottom: float) -> list[float]:
    return [x - 8, bottom - 12, x + 8, bottom]


def drive(
    meter: SpeedMeter, *positions: tuple[float, float], first: int = 0, epoch: int = 0
) -> None:
    for index, position in enumerate(positions, first):
        meter.update(make_tracks(make_header(index, epoch=epoch), [box(*position)], [7]))


def test_plane_maps_its_points_and_positions_between_them() -> None:
    known = np.array(STRAIGHT)
    plane = GroundPlane(Ground(STRAIGHT))
    assert plane.to_ground(known[:, :2]) == pytest.approx(known[:, 2:], abs=1e-9)
    between = GroundPlane(ROAD).to_ground(np.array([[64.0, 90.0], [64.0, 52.5], [64.0, 40.0]]))
    assert between == pytest.approx(np.array([[2, 0], [2, 5], [2, 10]]))


def test_no_position_above_or_near_the_horizon() -> None:
    """The edges of the road meet at row 15; at row 30, a pixel covers 1.7 m of it."""
    rows = [10.0, 15.0, 30.0, 45.0]
    found = GroundPlane(ROAD).to_ground(np.array([[64, row] for row in rows]))
    assert np.isnan(found[:, 1]).tolist() == [True, True, True, False]


def test_metres_map_to_pixels_where_there_are_positions() -> None:
    """Behind the camera and near the horizon, there are none."""
    known = np.array(STRAIGHT)
    assert GroundPlane(Ground(STRAIGHT)).to_pixels(known[:, 2:]) == pytest.approx(known[:, :2])
    plane = GroundPlane(ROAD)
    found = plane.to_pixels(np.array([[2.0, 5.0], [2.0, -100.0], [2.0, 1000.0]]))
    assert found[0] == pytest.approx([64, 52.5])
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_plane_does_not_depend_on_the_sign_of_the_homography(
    monkeypatch: pytest.MonkeyPatch, sign: int
) -> None:
    monkeypatch.setattr(ground, "_homography", lambda *points: sign * _homography(*points))
    found = GroundPlane(ROAD).to_ground(np.array([[64.0, 52.5]]))
    assert found == pytest.approx(np.array([[2.0, 5.0]]))


def test_vehicle_above_the_horizon_has_no_position() -> None:
    assert np.isnan(GroundPlane(ROAD).to_ground(np.array([[64.0, -60.0]]))).all()
    meter = SpeedMeter(ROAD)
    drive(meter, (64, 14))
    assert (meter.places, meter.tracks) == ((), {})


def test_map_coordinates_keep_their_precision() -> None:
    """For example UTM, with millions of metres."""
    east, north = 512_345.6, 5_401_234.5
    near, on_map = (
        GroundPlane(ROAD),
        tuple((x, y, a + east, b + north) for x, y, a, b in ROAD.points),
    )
    pixels = np.array([[64.0, 90.0], [40.0, 70.0]])
    assert GroundPlane(Ground(on_map)).to_ground(pixels) - (east, north) == pytest.approx(
        near.to_ground(pixels), abs=1e-4
    )


def test_distant_road_determines_the_plane() -> None:
    """7 m wide, from 20 to 150 m away, seen from a mast of 6 m."""
    road = ((787, 784, 0, 20), (1133, 784, 7, 20), (983, 528, 7, 150), (937, 528, 0, 150))
    (_, near), (_, far) = GroundPlane(checked_ground(road)).to_ground(
        np.array([[960.0, 784.0], [960.0, 587.0]])
    )
    assert (near, far) == pytest.approx((20, 60), abs=1)


def test_noise_of_many_points_averages_out() -> None:
    rng = np.random.default_rng(5)
    pixels = rng.uniform(0, 100, (40, 2))
    measured = pixels / 10 + rng.normal(0, 0.05, (40, 2))
    plane = GroundPlane(Ground(tuple((*a, *b) for a, b in zip(pixels, measured, strict=True))))
    errors = plane.to_ground(pixels) - pixels / 10
    assert np.sqrt((errors**2).mean()) < 0.025


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (None, "four points of it or more"),
        ([[0, 0, 0, 0]] * 3, "four points of it or more"),
        ([[0, 0, 0]] * 4, "four points of it or more"),
        ([*STRAIGHT[:3], [0, 90, 0, float("nan")]], "four points of it or more"),
        ([*STRAIGHT[:3], [0, 1e300, 0, -9]], "four points of it or more"),
        ([*STRAIGHT[:3], [0, 90, False, -9]], "four points of it or more"),
        ([[0, 0, 0, 0], [9, 0, 9, 0], [9, 9, 9, 9], [9, 9, 9, 9]], "no three lie on a line"),
        ([[5, 5, a, b] for _, _, a, b in STRAIGHT], "no three lie on a line"),
        ([[x, y, 8.4 + a / 1e5, 50 + b / 1e5] for x, y, a, b in STRAIGHT], r"within 0\.0001 m"),
        ([[x, y, 1000 * a, 1000 * b] for x, y, a, b in STRAIGHT], "are these metres"),
        ([[0, 0, 0, 0], [9, 0, 9, 0], [20, 0, 20, 0], [5, 40, 5, 40]], "no three lie on a line"),
        ([[0, 0, 0, 0], [9, 0, 9, 5], [20, 0, 20, 0], [5, 40, 5, 40]], "no three lie on a line"),
        # Three points within a pixel of a line, as when clicked.
        (
            [
                [794, 749, -3.5, 20],
                [1126, 749, 3.5, 20],
                [1073, 626, 3.5, 30],
                [1018, 498, 3.5, 60],
            ],
            "no three lie on a line",
        ),
        (
            [*STRAIGHT[:2], [100, 90, 0, -9], [0, 90, 10, -9]],
            "no camera can see the points like this",
        ),
        (
            [*STRAIGHT, [50, 45, 5, -4.5], [50, 20, 5, -2], [20, 70, 9, -7]],
            r"contradict each other; they agree best without \[20, 70\]",
        ),
        ([*STRAIGHT, [20, 70, 9, -7]], r"contradict each other$"),
    ],
)
def test_points_that_determine_no_plane_are_rejected(points: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_ground(points)


def test_point_outside_the_frame_is_reported() -> None:
    assert list(ground_faults(Ground(STRAIGHT), HEIGHT, WIDTH)) == []
    assert list(ground_faults(None, HEIGHT, WIDTH)) == []
    (fault,) = ground_faults(Ground(STRAIGHT), 50, WIDTH)
    assert fault.startswith("ground: [100, 90] lies outside the frame of 128x50; ")
    (fault,) = ground_faults(Ground(STRAIGHT), HEIGHT, 50)
    assert fault.startswith("ground: [100, 0] lies outside the frame of 50x96; ")


def test_a_lens_of_frames_of_another_size_is_reported() -> None:
    lens = LensEdges((WIDTH, HEIGHT), (((10, 12), (64, 10), (118, 12)),))
    ground = Ground(STRAIGHT, lens)
    assert list(ground_faults(ground, HEIGHT, WIDTH)) == []
    (fault,) = ground_faults(ground, 2 * HEIGHT, WIDTH)
    assert "lens is that of frames of 128x96" in fault


def test_points_far_outside_what_a_lens_shows_are_rejected() -> None:
    edge = [[60, 60], [500, 30], [900, 60]]
    lens = {"size": [960, 540], "straight": [edge]}
    points = [[100, 100, 0, 0], [800, 100, 9, 0], [800, 500, 9, 9], [9000, 9000, 0, 9]]
    with pytest.raises(ValueError, match=r"shows nothing at \[9000, 9000\], far outside"):
        checked_ground({"points": points, "lens": lens})


def test_speed_is_known_after_half_a_second() -> None:
    meter, speeds = SpeedMeter(Ground(STRAIGHT)), []
    for index in range(40):  # 2 pixels a frame are 5 m/s
        drive(meter, (20 + 2 * index, 50), first=index)
        (position,) = meter.places
        assert (position.x, position.y) == pytest.approx((2 + 0.2 * index, -5), abs=1e-6)
        speeds.append(position.speed)
    assert speeds[:13] == [None] * 13  # 12 steps of 40 ms are less
    assert speeds[13:] == pytest.approx([18] * 27)
    assert meter.speeds == {7: pytest.approx(18)}


def test_speed_does_not_depend_on_the_first_frame_of_a_track() -> None:
    def speeds(first: int) -> Iterator[float | None]:
        meter = SpeedMeter(Ground(STRAIGHT))
        for index in range(14):
            time = first + index  # in tenths of a second: 0.7 - 0.2 is less than 0.5
            header = make_header(time, pts=time, time_base=Fraction(1, 10))
            meter.update(make_tracks(header, [box(20 + index**1.5, 50)], [7]))
            yield meter.places[0].speed

    unknown, known = [None] * 5, list(speeds(0))[5:]
    assert None not in known
    for first in range(1, 20):
        assert list(speeds(first)) == unknown + [pytest.approx(speed) for speed in known]


def test_speed_is_measured_over_the_last_second() -> None:
    meter = SpeedMeter(Ground(STRAIGHT))
    drive(meter, *[(20 + index, 50) for index in range(40)])
    assert meter.speeds[7] == pytest.approx(9)
    drive(meter, *[(60, 50)] * 26, first=40)
    assert meter.speeds[7] == pytest.approx(0, abs=0.1)
    assert len(meter.tracks[7].seconds) == 26


def test_speed_depends_on_times_not_on_frame_counts() -> None:
    meter = SpeedMeter(Ground(STRAIGHT))
    for index in (0, 3, 4, 11, 14, 20, 23):
        header = make_header(index, time_base=Fraction(1, 512 * 50))  # 50 frames a second
        meter.update(make_tracks(header, [box(20 + 2 * index, 50)], [7]))
    assert meter.speeds == {}  # 0.46 s
    header = make_header(30, time_base=Fraction(1, 512 * 50))
    meter.update(make_tracks(header, [box(80, 50)], [7]))
    assert meter.speeds[7] == pytest.approx(36)


@pytest.mark.parametrize(
    "cut",
    [[3, 30, 43, 70], [85, 30, WIDTH - 3, 70], [30, 53, 70, HEIGHT - 3], [30, 30, 60, np.inf]],
)
def test_box_that_the_frame_edge_may_cut_has_no_position(cut: list[float]) -> None:
    """The detected box of a cut vehicle ends less than a tenth of its size before the edge."""
    meter = SpeedMeter(Ground(STRAIGHT))
    meter.update(make_tracks(make_header(0), [[30, 0, 60, 60], cut], [3, 1]))
    assert [each.identity for each in meter.places] == [3]


def test_cut_boxes_do_not_change_the_speed() -> None:
    """The box of a cut vehicle sometimes ends farther from the edge as the vehicle drives on."""
    cut = [HEIGHT] * 5 + [90] + [HEIGHT] * 5
    meter, speeds = SpeedMeter(Ground(STRAIGHT)), list[float | None]()
    for index, bottom in enumerate([*cut, *range(92, 32, -2), *cut]):
        drive(meter, (50, bottom), first=index)
        speeds += [position.speed for position in meter.places]
    assert speeds[:14] == [None] * 14  # the single uncut box, and half a second
    assert speeds[14:-1] == pytest.approx([18] * 17)
    assert (speeds[-1], meter.tracks) == (None, {})


def test_track_unseen_for_a_second_is_measured_afresh() -> None:
    meter = SpeedMeter(Ground(STRAIGHT))
    drive(meter, *[(20 + index, 50) for index in range(20)])
    meter.update(make_tracks(make_header(46)))
    assert (meter.tracks, meter.places) == ({}, ())
    drive(meter, *[(20 + index, 50) for index in range(20)], first=100)
    assert meter.speeds[7] == pytest.approx(9)
    drive(meter, (20, 50), first=100, epoch=1)  # times of another epoch start elsewhere
    assert (meter.speeds, len(meter.tracks[7].seconds)) == ({}, 1)


def test_meter_resumes_from_the_tracks_of_another() -> None:
    whole, first = SpeedMeter(ROAD), SpeedMeter(ROAD)
    positions = [(64.0, 90 - index) for index in range(40)]
    positions[25] = (64, HEIGHT)  # cut by the edge
    drive(whole, *positions)
    drive(first, *positions[:20])
    drive(second := SpeedMeter(ROAD, first.tracks), *positions[20:], first=20)
    assert second.places == whole.places
    assert second.tracks == whole.tracks


def test_without_ground_nothing_is_measured() -> None:
    meter = SpeedMeter(None)
    drive(meter, (20, 50))
    assert (meter.places, meter.tracks) == ((), {})


def test_rows_have_an_empty_speed_until_it_is_known() -> None:
    positions = GroundPlace(3, -0.001, 12.346, None), GroundPlace(9, 4.0, -5.5, 48.25)
    found = GroundPlaces("cam", 12, "0.440", positions)
    assert ground_rows(found) == "12,3,0.00,12.35,\n12,9,4.00,-5.50,48.2\n"


def test_speeds_in_a_rendered_scene() -> None:
    """Speeds from the exact boxes of a camera on a mast, compared with the true speeds."""
    config = SceneConfig(2, 640, 360, 40, view="intersection", vehicles=40)
    scene = Scene(config)
    camera = scene.camera(0)
    corners = np.array([[-10, -10], [10, -10], [10, 10], [-10, 10]], np.float64)
    pixels = camera.to_image(camera.to_camera(np.column_stack([corners, np.zeros(4)])))
    meter = SpeedMeter(checked_ground(np.hstack([pixels, corners])))
    for index in range(config.frames):
        frame = scene.render(index)
        size = {"height": config.height, "width": config.width}
        meter.update(make_tracks(make_header(index, **size), frame.boxes, frame.ids))
    before, after = scene.positions(config.frames - 26), scene.positions(config.frames - 1)
    true = {each: 3.6 * math.dist(before[each], after[each]) for each in meter.speeds}
    errors = [abs(meter.speeds[each] - speed) for each, speed in true.items()]
    assert len(errors) >= 8
    assert max(true.values()) > 40
    assert max(errors) < 3
