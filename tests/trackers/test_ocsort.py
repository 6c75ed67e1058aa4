from __future__ import annotations

import numpy as np
import pytest

from tests.trackers.conftest import BOX, SEQUENCES, moved, read_detections, track
from trackers import OCSort, Sort


def test_the_reported_box_is_the_detection() -> None:
    tracker = OCSort(min_hits=0)
    for step in range(5):
        tracks = tracker.update(moved(3.0 * step), [0.9])
    np.testing.assert_allclose(tracks.boxes, moved(12.0))


def test_a_gap_is_replayed_with_observations_on_a_line() -> None:
    """Detected again after a turn, the filter equals one that was updated along the whole path."""
    interrupted, continuous = OCSort(min_hits=0, iou_threshold=0.05), OCSort(min_hits=0)
    for step in range(8):
        track(interrupted, moved(4.0 * step))
        track(continuous, moved(4.0 * step))
    for step in range(1, 6):
        track(continuous, moved(28, 4.0 * step))
        if step < 5:
            track(interrupted, [])
    assert track(interrupted, moved(28, 20.0)) == [1]
    np.testing.assert_allclose(interrupted._filter.moments, continuous._filter.moments)


@pytest.mark.parametrize("unseen", [False, True], ids=["missed", "not looked at"])
def test_a_gap_after_the_first_detection_is_replayed(*, unseen: bool) -> None:
    interrupted, continuous = OCSort(min_hits=0), OCSort(min_hits=0)
    for step in range(4):
        track(continuous, moved(4.0 * step))
    track(interrupted, BOX)
    if not unseen:
        track(interrupted, [])
        track(interrupted, [])
    assert interrupted.update(moved(12), [0.9], unseen=2 * unseen).ids.tolist() == [1]
    np.testing.assert_allclose(interrupted._filter.moments, continuous._filter.moments)


def test_each_gap_is_replayed_from_its_own_start() -> None:
    """The older of two tracks ends while the other is not seen."""
    both, alone = OCSort(min_hits=0, max_age=3), OCSort(min_hits=0)
    track(both, BOX + 300)
    for boxes in (BOX, moved(4), [], [], moved(16)):
        assert track(both, boxes) == [2] * len(boxes)
        track(alone, boxes)
    np.testing.assert_array_equal(both._filter.moments, alone._filter.moments)


def test_gaps_of_single_frames_are_replayed_one_by_one() -> None:
    interrupted, continuous = OCSort(min_hits=0), OCSort(min_hits=0)
    for step in range(7):
        assert track(continuous, moved(4.0 * step)) == [1]
        assert track(interrupted, [] if step % 2 else moved(4.0 * step)) == (
            [] if step % 2 else [1]
        )
    np.testing.assert_allclose(interrupted._filter.moments, continuous._filter.moments)


@pytest.mark.parametrize(
    ("frames", "places", "start"),
    [
        (1, [(0, 0), (0, 4), (4, 4), (8, 8)], (4, 4)),
        (2, [(0, 0), (0, 4), (4, 4), (8, 8)], (0, 4)),
        (3, [(0, 0), (0, 4), (4, 4), (8, 8)], (0, 0)),
        (9, [(0, 0), (0, 4), (4, 4), (8, 8)], (0, 0)),
        (3, [(0, 0), None, (0, 4), (4, 4), (8, 8)], (0, 4)),
    ],
)
def test_a_direction_starts_where_the_track_was_direction_frames_ago(
    frames: int, places: list[tuple[int, int] | None], start: tuple[int, int]
) -> None:
    tracker = OCSort(direction_frames=frames)
    for place in places:
        track(tracker, [] if place is None else moved(*place))
    shift = np.subtract((8, 8), start)
    np.testing.assert_allclose(tracker._tracks["direction"], [shift / np.hypot(*shift)])


def test_vehicles_at_rest_have_no_direction() -> None:
    tracker = OCSort(min_hits=0)
    for _ in range(4):
        assert track(tracker, np.vstack((BOX, moved(10)))) == [1, 2]
    assert not tracker._tracks["direction"].any()


def test_each_track_has_its_own_direction() -> None:
    tracker = OCSort(min_hits=0)
    for step in (0, 1):
        track(tracker, np.vstack((moved(3.0 * step), moved(200, 4.0 * step))))
    np.testing.assert_allclose(tracker._tracks["direction"], [[1, 0], [0, 1]])


def test_a_matched_track_takes_no_second_detection() -> None:
    tracker = OCSort(min_hits=0)
    track(tracker, BOX)
    tracks = tracker.update(np.vstack((BOX, moved(10))), [0.9, 0.9])
    assert (tracks.ids.tolist(), tracks.detection_indices.tolist()) == ([1, 2], [0, 1])


@pytest.mark.parametrize("way", [1, -1])
def test_the_previous_direction_outweighs_some_overlap(way: int) -> None:
    """One detection overlaps the prediction more; the other lies ahead."""
    tracker = OCSort(min_hits=0, direction_weight=1.0, iou_threshold=0.1)
    for step in range(10):
        track(tracker, moved(way * 10.0 * step))
    # Predicted at x ± 100: IoU 0.43 ahead of it by 16, or 0.54 beside it by 24.
    ahead, beside = moved(way * 116.0), moved(way * 100.0, 24.0)
    tracks = tracker.update(np.vstack((beside, ahead)), [0.9, 0.9])
    assert tracks.detection_indices[tracks.ids == 1].tolist() == [1]


def test_one_sideways_step_does_not_change_the_direction() -> None:
    tracker = OCSort(min_hits=0, direction_weight=1.0, iou_threshold=0.1)
    for step in range(10):
        track(tracker, moved(10.0 * step))
    track(tracker, moved(90.0, 10.0))
    ahead, beside = moved(112.0, 8.0), moved(104.0, 32.0)
    tracks = tracker.update(np.vstack((beside, ahead)), [0.9, 0.9])
    assert tracks.detection_indices[tracks.ids == 1].tolist() == [1]


def test_a_track_is_recovered_where_it_was_last_seen() -> None:
    """A car stops behind an obstacle while its prediction moves on."""
    tracker, sort = OCSort(min_hits=0), Sort(min_hits=0, max_age=30)
    for each in (tracker, sort):
        for step in range(10):
            track(each, moved(10.0 * step))
        for _ in range(6):
            track(each, [])
    assert track(tracker, moved(95.0)) == [1]
    assert track(sort, moved(95.0)) == [2]


def test_recovery_needs_the_threshold_iou_with_the_last_box() -> None:
    tracker = OCSort(min_hits=0, iou_threshold=0.5)
    for step in range(10):
        track(tracker, moved(10.0 * step))
    for _ in range(6):
        track(tracker, [])
    assert track(tracker, moved(90.0) - np.array([0, 0, 0, 40])) == [1]
    assert track(tracker, moved(95.0) - np.array([0, 0, 0, 60])) == [2]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_keeps_about_as_many_detections_as_sort_on_real_data(sequence: str) -> None:
    """About as many detections are kept, under hardly more ids."""
    ours, sort = OCSort(min_score=-1e9), Sort(max_age=30)
    boxes, ids = np.zeros(2), [set(), set()]
    for frame_boxes, scores in read_detections(sequence):
        for index, each in enumerate((ours, sort)):
            tracks = each.update(frame_boxes, scores)
            boxes[index] += len(tracks)
            ids[index] |= set(tracks.ids.tolist())
    assert boxes[0] == pytest.approx(boxes[1], rel=0.08)
    assert len(ids[0]) <= 1.2 * len(ids[1])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_age", -1),
        ("direction_frames", 0),
        ("direction_frames", 1001),
        ("direction_weight", 0),
        ("min_score", "high"),
    ],
)
def test_bad_settings_are_refused(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting):
        OCSort(**{setting: value})  # type: ignore[arg-type]


def test_scores_that_are_not_normalised_change_nothing() -> None:
    """Such as the scores of MOT15's public detections."""
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 60, (12, 2))
    one, other = OCSort(), OCSort()
    for _ in range(60):
        corners = starts + rng.normal(0, 1, (12, 2))
        boxes = np.hstack((corners, corners + 40))
        first, second = one.update(boxes, np.full(12, 1.0)), other.update(boxes, np.full(12, 50.0))
        np.testing.assert_array_equal(first.ids, second.ids)


def test_a_pair_against_the_direction_is_better_than_none():
    tracker = OCSort(direction_weight=1.0, iou_threshold=0.05, min_hits=0)
    for step in range(6):
        left, slow = np.array([[1000, 1000, 1359, 1050]]), np.array([-3, -1, -3, -1])
        above, fast = np.array([[886, 956, 1245, 1006]]), np.array([23, 17, 23, 17])
        boxes = np.concatenate((left + slow * step, above + fast * step))
        tracker.update(boxes, [1.0, 1.0])
    turned = tracker.update([[1006, 1035, 1365, 1085], [1047, 1080, 1406, 1130]], [1.0, 1.0])
    assert turned.ids.tolist() == [1, 2]
