from __future__ import annotations

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter

from tests.trackers.conftest import crowd
from trackers import SpotTrack
from trackers.settings import MAX_SETTING, MIN_NOISE

BOX = np.array([[100.0, 100, 140, 130]])
FRAME = (1000, 500)


def track(tracker: SpotTrack, boxes: np.ndarray | list, score: float = 0.9) -> list[int]:
    return tracker.update(boxes, np.full(len(boxes), score), frame_size=FRAME).ids.tolist()


def test_weak_detections_alone_never_confirm_a_track() -> None:
    tracker = SpotTrack()
    assert [track(tracker, BOX, 0.4) for _ in range(20)] == [[]] * 20


def test_one_strong_detection_confirms_a_tentative_track() -> None:
    tracker = SpotTrack(min_hits=3)
    assert [track(tracker, BOX, score) for score in (0.3, 0.3, 0.6, 0.3)] == [[], [], [1], [1]]
    tracker = SpotTrack(min_hits=3)
    assert [track(tracker, BOX, score) for score in (0.6, 0.3, 0.3)] == [[], [], [1]]


def test_tracks_are_sorted_by_id() -> None:
    tracker = SpotTrack()
    assert track(tracker, BOX, 0.3) == []
    assert tracker.update(np.vstack((BOX, BOX + 300)), [0.3, 0.9]).ids.tolist() == [1]
    tracks = tracker.update(np.vstack((BOX, BOX + 300)), [0.9, 0.9])
    assert (tracks.ids.tolist(), tracks.detection_indices.tolist()) == ([1, 2], [1, 0])


def test_scores_equal_to_a_threshold_reach_it() -> None:
    tracker = SpotTrack(low_score=0.125, high_score=0.375)
    track(tracker, BOX)
    assert track(tracker, BOX, 0.124) == []
    assert track(tracker, BOX, 0.125) == [1]
    shifted = BOX + np.array([20, 0, 20, 0])  # IoU 1/3, enough for strong detections only
    assert track(tracker, shifted, 0.375) == [1]
    tracker = SpotTrack(high_score=0.375)
    track(tracker, BOX)
    assert track(tracker, shifted, 0.374) == []


def test_the_reported_box_nears_the_detection_as_its_score_rises() -> None:
    reported = {}
    for score in (0.4, 0.5, 0.6, 0.9):
        tracker = SpotTrack(estimate_camera=False, confirm_score=0.6)
        track(tracker, BOX)
        reported[score] = tracker.update(BOX + 8, [score]).boxes
    np.testing.assert_allclose(reported[0.6], BOX + 8)
    np.testing.assert_array_equal(reported[0.9], reported[0.6])
    np.testing.assert_allclose(reported[0.5], (reported[0.4] + reported[0.6]) / 2, rtol=1e-6)
    assert (reported[0.4] < BOX + 7).all()


def test_reported_boxes_are_the_detections_when_any_score_confirms() -> None:
    tracker = SpotTrack(estimate_camera=False, confirm_score=0.0)
    track(tracker, BOX)
    np.testing.assert_allclose(tracker.update(BOX + 8, [0.3]).boxes, BOX + 8)


def test_the_box_of_an_approaching_vehicle_does_not_lag() -> None:
    tracker = SpotTrack(estimate_camera=False)
    for step in range(6):
        box = np.array([100.0, 100, 140, 130]) + np.array([4, 1, 8, 4]) * step**2 / 2
        (reported,) = tracker.update([box], [0.8], frame_size=FRAME).boxes
        assert np.abs(reported - box).max() < 0.1 * (box[2] - box[0])


def test_a_strong_detection_is_preferred_to_a_better_fitting_weak_one() -> None:
    tracker = SpotTrack(estimate_camera=False)
    track(tracker, BOX)
    aside = np.array([1, 0, 1, 0])
    tracks = tracker.update(np.vstack((BOX + 22 * aside, BOX - 8 * aside)), [0.9, 0.3])
    assert (tracks.ids.tolist(), tracks.detection_indices.tolist()) == ([1], [0])


def test_an_iou_at_the_threshold_is_enough() -> None:
    tracker = SpotTrack(iou_threshold=0.5)
    track(tracker, BOX)
    assert track(tracker, BOX - np.array([0, 0, 20, 0])) == [1]  # IoU 1/2
    tracker = SpotTrack(low_iou_threshold=0.5)
    track(tracker, BOX)
    assert track(tracker, BOX - np.array([0, 0, 20, 0]), 0.3) == [1]
    tracker = SpotTrack(duplicate_iou=0.5)
    boxes = np.vstack((BOX - np.array([0, 0, 20, 0]), BOX))
    assert tracker.update(boxes, [0.8, 0.9]).detection_indices.tolist() == [1]


def test_a_weak_detection_beside_a_missed_track_starts_another() -> None:
    tracker = SpotTrack(widening=0.0)
    track(tracker, BOX)
    track(tracker, BOX + np.array([15, 0, 15, 0]), 0.3)  # IoU 0.45: too low for a weak one
    assert len(tracker._tracks) == 2


def test_weak_detections_keep_a_track_alive() -> None:
    tracker = SpotTrack()
    assert track(tracker, BOX) == [1]
    assert [track(tracker, BOX + shift, 0.05) for shift in range(20)] == [[1]] * 20


def test_an_unconfirmed_track_is_removed_at_its_first_miss() -> None:
    tracker = SpotTrack(min_hits=2)
    track(tracker, BOX)
    track(tracker, [])
    assert track(tracker, BOX) == []
    assert track(tracker, BOX) == [1]


def test_duplicate_detections_are_ignored() -> None:
    tracker = SpotTrack()
    boxes = np.vstack((BOX + 1, BOX, BOX + 300))
    tracks = tracker.update(boxes, [0.7, 0.9, 0.8])
    assert tracks.detection_indices.tolist() == [1, 2]


def test_a_duplicate_of_only_a_duplicate_is_kept() -> None:
    tracker = SpotTrack()
    best, duplicate, aside = (BOX + np.array([shift, 0, shift, 0]) for shift in (0, 14, 28))
    tracks = tracker.update(np.vstack((best, duplicate, aside)), [0.9, 0.8, 0.7])
    assert tracks.detection_indices.tolist() == [0, 2]


@pytest.mark.parametrize("shifts", [[25], [8, -12]], ids=["its detection", "and another"])
def test_no_track_starts_on_top_of_a_track_just_seen(shifts: list[int]) -> None:
    tracker = SpotTrack()
    for _ in range(30):
        track(tracker, BOX)
    boxes = [BOX + np.array([shift, 0, shift, 0]) for shift in shifts]
    assert track(tracker, np.vstack(boxes)) == [1]


def test_a_shrinking_width_stays_positive_and_the_height_is_kept() -> None:
    tracker = SpotTrack()
    for half in (50, 30, 12):
        track(tracker, [[200 - half, 100, 200 + half, 150]])
    for _ in range(5):
        track(tracker, [])
    assert (tracker._filter.values[:, 2:] > (1, 45)).all()


def test_boxes_are_widened_by_missed_frames_up_to_ten() -> None:
    tracker = SpotTrack(widening=0.05)
    track(tracker, BOX)
    aside = np.array([1, 0, 1, 0])
    assert track(tracker, BOX + 27.5 * aside) == [2]  # IoU 0.19, and 0.23 if widened once
    for missed, shift, ids in ((10, 52.5, [1]), (20, 52.5, [1]), (20, 56, [2])):
        tracker = SpotTrack(widening=0.05)
        for boxes in [BOX] * 4 + [BOX[:0]] * missed:
            track(tracker, boxes)
        # IoU 0.21 and 0.18 if widened ten times, 0.19 and 0.15 if nine, both over 0.3 if twenty.
        assert track(tracker, BOX + shift * aside) == ids


@pytest.mark.parametrize("hits", [1, 2, 6, 7])
def test_a_track_with_few_hits_is_kept_for_fewer_missed_frames(hits: int) -> None:
    for missed, ids in ((min(5 * hits, 30), [1]), (min(5 * hits, 30) + 1, [2])):
        tracker = SpotTrack(max_age=30)
        for boxes in [BOX] * hits + [BOX[:0]] * missed:
            track(tracker, boxes)
        assert track(tracker, BOX) == ids


@pytest.mark.parametrize(("widening", "ids"), [(0.05, [1]), (0.0, [2])])
def test_a_missed_track_is_searched_for_in_a_widened_box(widening: float, ids: list[int]) -> None:
    tracker = SpotTrack(widening=widening)
    for _ in range(3):
        track(tracker, BOX)
    for _ in range(10):
        track(tracker, [])
    assert track(tracker, BOX + np.array([38, 0, 38, 0])) == ids


@pytest.mark.parametrize(
    ("side", "inward"),
    [((-97, 0), (1, 0)), ((857, 0), (-1, 0)), ((0, -97), (0, 1)), ((0, 367), (0, -1))],
    ids=["left", "right", "top", "bottom"],
)
def test_tracks_cut_by_the_frame_edge_are_followed_but_not_reported(
    side: tuple[int, int], inward: tuple[int, int]
) -> None:
    tracker = SpotTrack(edge_margin=4)
    shifts = [np.add(side, np.multiply(step, inward)) for step in range(7)]
    reports = [track(tracker, BOX + np.tile(shift, 2)) for shift in shifts]
    assert reports == [[], [1], [1], [1], [1], [1], [1]]
    assert tracker.next_id == 2


def test_a_margin_of_0_omits_boxes_that_reach_beyond_the_edge() -> None:
    boxes = [[0, 0, 40, 30], [960, 470, 1000, 500], [-1, 100, 39, 130], [961, 200, 1001, 230]]
    assert track(SpotTrack(edge_margin=0), boxes) == [1, 2]
    assert track(SpotTrack(), boxes) == [1, 2, 3, 4]


def test_a_track_partly_in_the_frame_is_kept() -> None:
    tracker = SpotTrack()
    boxes = [[995, 100, 1055, 140], [-55, 100, 5, 140]]
    for _ in range(3):
        assert track(tracker, boxes) == [1, 2]
    track(tracker, [])
    assert track(tracker, boxes) == [1, 2]


@pytest.mark.parametrize(
    "outside",
    [(-45, 100, -5, 130), (300, -35, 340, -5), (1005, 100, 1045, 130), (300, 505, 340, 535)],
)
def test_a_track_outside_the_frame_is_removed_at_its_first_miss(
    outside: tuple[int, ...],
) -> None:
    tracker = SpotTrack()
    for _ in range(3):
        assert track(tracker, np.vstack((BOX, outside))) == [1, 2]
    track(tracker, [])
    assert tracker._tracks["id"].tolist() == [1]


def test_without_a_frame_size_there_is_no_edge() -> None:
    tracker = SpotTrack()
    assert tracker.update(BOX - 99, [0.9]).ids.tolist() == [1]


def test_a_track_that_leaves_the_frame_is_removed() -> None:
    tracker = SpotTrack(max_age=1000)
    for left in range(0, 800, 20):
        track(tracker, BOX + np.array([left, 0, left, 0]))
    for _ in range(20):
        track(tracker, [])
    assert len(tracker._tracks) == 0


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("max_age", -1, "max_age must be a whole number of at least 0, got -1"),
        ("min_hits", 0, "min_hits must be a whole number of at least 1, got 0"),
        ("duplicate_iou", 0, r"duplicate_iou must lie in \(0, 1\], got 0"),
        ("widening", -0.1, r"widening must be a number from 0 to 1e\+09, got -0.1"),
        ("widening", 1e160, r"widening must be a number from 0 to 1e\+09, got 1e\+160"),
        ("position_noise", 0, r"position_noise must be a number from 1e-09 to 1e\+09, got 0"),
        ("velocity_noise", "1", r"velocity_noise must be a number from 1e-09 to 1e\+09, got '1'"),
        ("measurement_noise", 1e-300, "measurement_noise must be a number .*, got 1e-300"),
        ("initial_velocity", 1e200, r"initial_velocity must be a number .*, got 1e\+200"),
        ("high_score", 1e300, r"high_score must be a number .*, got 1e\+300"),
        ("estimate_camera", 1, "estimate_camera must be true or false, got 1"),
        ("confirm_score", float("nan"), "confirm_score must be a number from .*, got nan"),
    ],
)
def test_bad_settings_are_refused(setting: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpotTrack(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("initial_velocity", [MIN_NOISE, MAX_SETTING])
@pytest.mark.parametrize("noise", [MIN_NOISE, MAX_SETTING])
@pytest.mark.parametrize("measurement_noise", [MIN_NOISE, MAX_SETTING])
def test_boxes_are_finite_at_the_bounds_of_the_settings(
    measurement_noise: float, noise: float, initial_velocity: float
) -> None:
    tracker = SpotTrack(
        measurement_noise=measurement_noise,
        position_noise=noise,
        velocity_noise=noise,
        initial_velocity=initial_velocity,
        widening=MAX_SETTING,
    )
    rng = np.random.default_rng(0)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for step in range(40):
            boxes = crowd(30)[step % 5 :: 2] + rng.normal(0, 1, 4)
            tracks = tracker.update(boxes, rng.uniform(0.3, 1, len(boxes)))
            assert np.isfinite(tracks.boxes).all()


def test_a_detection_just_outside_the_frame_keeps_its_id() -> None:
    tracker = SpotTrack()
    outside = [[FRAME[0] + 0.5, 100, FRAME[0] + 40, 140]]
    assert [track(tracker, outside) for _ in range(10)] == [[1]] * 10


def test_the_filters_noise_is_proportional_to_the_box_size() -> None:
    settings = {
        "measurement_noise": 0.3,
        "position_noise": 0.05,
        "velocity_noise": 0.01,
        "initial_velocity": 0.2,
    }
    tracker = SpotTrack(estimate_camera=False, **settings)  # type: ignore[arg-type]
    measurement, position, velocity, initial = settings.values()
    kalman = KalmanFilter(dim_x=8, dim_z=4)
    kalman.F, kalman.H = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    steps = np.random.default_rng(2).normal(0, 1, (12, 4)).cumsum(axis=0).cumsum(axis=0) / 4
    for frame, box in enumerate(BOX[0] + steps):
        corner, sides = box[:2], box[2:] - box[:2]
        size = np.sqrt(sides.prod())
        if frame == 0:
            kalman.x[:4, 0] = *(corner + sides / 2), *sides
            kalman.P = np.diag(np.repeat([(measurement * size) ** 2, (initial * size) ** 2], 4))
        else:
            before = np.sqrt(kalman.x[2:4, 0].prod())
            noise = np.repeat([(position * before) ** 2, (velocity * before) ** 2], 4)
            kalman.predict(Q=np.diag(noise))
            kalman.update([*(corner + sides / 2), *sides], R=np.eye(4) * (measurement * size) ** 2)
        assert track(tracker, [box]) == [1]
        np.testing.assert_allclose(tracker._filter.moments[:2].ravel(), kalman.x[:, 0])
