from __future__ import annotations

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter

from tests.trackers.conftest import BOX, moved, track
from trackers import ByteTrack

AWAY = BOX + 300


def test_new_tracks_are_reported_at_once_only_in_the_first_frame() -> None:
    tracker = ByteTrack()
    assert tracker.update(BOX, [0.9], unseen=2).ids.tolist() == [1]  # the first frame processed
    assert track(tracker, np.vstack((BOX, AWAY))) == [1]
    assert track(tracker, np.vstack((BOX, AWAY))) == [1, 2]


def test_a_weak_detection_continues_a_track_but_starts_none() -> None:
    tracker = ByteTrack()
    track(tracker, BOX)
    assert [track(tracker, np.vstack((BOX, AWAY)), 0.2) for _ in range(5)] == [[1]] * 5
    assert tracker.update(BOX, [0.2], unseen=2).ids.tolist() == [1]
    assert tracker.update(np.vstack((BOX, BOX + 1)), [0.9, 0.2]).detection_indices.tolist() == [0]
    assert tracker.next_id == 2


@pytest.mark.parametrize(("shift", "ids"), [(13, [1]), (14, [])], ids=["IoU 0.51", "IoU 0.48"])
def test_a_weak_detection_needs_an_iou_of_one_half(shift: int, ids: list[int]) -> None:
    tracker = ByteTrack()
    track(tracker, BOX)
    assert track(tracker, moved(shift), 0.2) == ids


def test_a_weak_detection_does_not_recover_a_lost_track() -> None:
    tracker = ByteTrack()
    track(tracker, BOX)
    track(tracker, [])
    assert track(tracker, BOX, 0.2) == []
    assert track(tracker, BOX, 0.9) == [1]


def test_detections_between_high_and_birth_score_only_continue_tracks() -> None:
    tracker = ByteTrack(high_score=0.6, birth_score=0.7)
    assert track(tracker, BOX, 0.65) == []
    assert track(tracker, BOX, 0.7) == []
    assert track(tracker, BOX, 0.65) == [1]


def test_detections_below_even_a_high_low_score_are_ignored() -> None:
    assert track(ByteTrack(low_score=0.7), BOX, 0.65) == []
    tracker = ByteTrack(low_score=0.7)
    assert [track(tracker, BOX, score) for score in (0.8, 0.65, 0.8)] == [[1], [], [1]]
    assert track(ByteTrack(low_score=0.9), BOX, 0.8) == []


def test_no_track_starts_below_the_high_score() -> None:
    tracker = ByteTrack(high_score=0.8, birth_score=0.5)
    assert track(tracker, BOX, 0.75) == []
    assert track(tracker, BOX, 0.8) == []
    assert track(tracker, BOX, 0.8) == [1]


def test_scores_equal_to_a_threshold_reach_it() -> None:
    tracker = ByteTrack()
    track(tracker, BOX)
    assert track(tracker, BOX, 0.09) == []
    assert track(tracker, BOX, 0.6) == [1]  # strong: a weak one would not recover the track
    assert track(tracker, BOX, 0.1) == [1]


def test_a_track_of_one_detection_is_removed_at_its_first_miss() -> None:
    tracker = ByteTrack()
    both = np.vstack((BOX, moved(15)))  # they overlap each other, too
    track(tracker, BOX)
    track(tracker, both)
    assert track(tracker, BOX) == [1]
    assert track(tracker, both) == [1]
    assert track(tracker, both) == [1, 3]


@pytest.mark.parametrize(("score", "ids"), [(0.91, [1, 2]), (0.89, [1])])
def test_a_second_detection_needs_an_iou_times_score_of_three_tenths(
    score: float, ids: list[int]
) -> None:
    tracker = ByteTrack()
    track(tracker, AWAY)
    track(tracker, np.vstack((AWAY, BOX)))
    shifted = moved(20)  # IoU 1/3
    assert track(tracker, np.vstack((AWAY, shifted)), score) == ids


@pytest.mark.parametrize("score", [1.0, 0.2], ids=["strong", "weak"])
def test_a_pair_at_the_threshold_is_matched(score: float) -> None:
    tracker = ByteTrack(iou_threshold=0.5, low_iou_threshold=0.5)
    track(tracker, BOX)
    assert track(tracker, BOX - np.array([0, 0, 20, 0]), score) == [1]  # IoU 1/2


def test_strong_pairs_compare_iou_times_score_with_the_threshold() -> None:
    shifted = moved(20)  # IoU 1/3
    for score, same in ((0.95, True), (0.65, False)):
        tracker = ByteTrack(iou_threshold=0.3)
        track(tracker, BOX)
        assert (track(tracker, shifted, score) == [1]) == same


def test_strong_matching_maximises_the_excess_over_its_threshold() -> None:
    tracker = ByteTrack(iou_threshold=0.2)
    track(tracker, np.vstack((BOX, moved(5.2))))
    # IoU of the first track 0.22 and 0.90, of the second 0.13 and 0.86: 0.70 is more than 0.68.
    assert track(tracker, np.vstack((moved(-25.6), moved(2.1))), 1.0) == [1]


def test_weak_matching_maximises_the_excess_over_its_threshold() -> None:
    tracker = ByteTrack(low_iou_threshold=0.5)
    track(tracker, np.vstack((BOX, moved(5.2))))
    # IoU of the first track 0.52 and 0.90, of the second 0.39 and 0.86: 0.40 is more than 0.38.
    assert track(tracker, np.vstack((moved(-12.5), moved(2.1))), 0.2) == [1]


def test_second_matching_maximises_the_excess_over_its_threshold() -> None:
    tracker = ByteTrack()
    track(tracker, AWAY)
    track(tracker, np.vstack((AWAY, BOX, moved(5.2))))
    # IoU of the first track 0.32 and 0.90, of the second 0.22 and 0.86: 0.60 is more than 0.58.
    boxes = np.vstack((AWAY, moved(-20.6), moved(2.1)))
    assert track(tracker, boxes, 1.0) == [1, 2]


def test_a_new_track_is_first_predicted_when_it_is_confirmed() -> None:
    tracker = ByteTrack()
    track(tracker, AWAY)
    track(tracker, np.vstack((AWAY, BOX)))
    moved = tracker.update(np.vstack((AWAY, BOX + 4)), np.full(2, 0.9)).boxes[1]
    # Standard deviations of 1/10 and, for the measurement, 1/20 of the height: 4/5 of the shift.
    assert moved == pytest.approx(BOX[0] + 3.2, abs=1e-4)


@pytest.mark.parametrize("shift", [0, 1], ids=["where the older is", "where the younger is"])
def test_the_older_of_two_coinciding_tracks_is_kept(shift: int) -> None:
    tracker = ByteTrack()
    for _ in range(3):
        track(tracker, BOX)
    both = np.vstack((BOX, BOX + 1))
    assert [track(tracker, both) for _ in range(4)][-1] == [1, 2]  # both seen: both stay
    track(tracker, BOX + shift)
    assert track(tracker, BOX) == [1]
    assert len(tracker._filter) == 1


def test_the_older_of_two_tracks_is_the_one_seen_over_a_longer_time() -> None:
    tracker = ByteTrack()
    track(tracker, BOX)
    track(tracker, [])
    for left in range(100, 60, -6):  # seven detections of a track that then coasts onto the first
        track(tracker, moved(left))
    for _ in range(10):
        track(tracker, [])
    assert [track(tracker, BOX) for _ in range(4)] == [[1]] * 4
    assert len(tracker._filter) == 1


@pytest.mark.parametrize(("shift", "left"), [(3, 1), (4, 2)], ids=["IoU 0.86", "IoU 0.82"])
def test_tracks_are_duplicates_if_their_iou_exceeds_85_percent(shift: int, left: int) -> None:
    tracker = ByteTrack()
    shifted = moved(shift)
    for _ in range(3):
        track(tracker, np.vstack((BOX, shifted)))
    assert track(tracker, BOX) == [1]
    assert len(tracker._filter) == left


@pytest.mark.parametrize("times", [12, 11], ids=["younger", "as old"])
def test_a_track_moving_onto_a_lost_one_is_dropped_unless_it_is_older(times: int) -> None:
    tracker = ByteTrack()
    for _ in range(times):
        track(tracker, BOX)
    lefts = [*range(80, 0, -8), 4, 2]
    reports = [track(tracker, moved(left)) for left in lefts]
    assert reports == [[], *[[2]] * 9, [], [1]]


@pytest.mark.parametrize(
    ("setting", "value"), [("max_age", -1), ("iou_threshold", 0), ("low_score", float("nan"))]
)
def test_bad_settings_are_refused(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting):
        ByteTrack(**{setting: value})  # type: ignore[arg-type]


def test_boxes_equal_those_of_the_authors_filter() -> None:
    """Its state is centre, aspect, height; all noise but the aspect's is a share of the height."""

    def variances(height: float, share: float, aspect: float) -> np.ndarray:
        return np.square([share * height, share * height, aspect, share * height])

    rng = np.random.default_rng(2)
    boxes = BOX[0] + rng.normal(0, 1, (14, 4)).cumsum(axis=0).cumsum(axis=0) / 4
    kalman = KalmanFilter(dim_x=8, dim_z=4)
    kalman.F, kalman.H = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    tracker = ByteTrack()
    for frame, (left, top, right, bottom) in enumerate(boxes):
        width, high = right - left, bottom - top
        measured = np.array([left + width / 2, top + high / 2, width / high, high])
        if frame == 0:
            kalman.x[:4, 0] = measured
            born = variances(high, 2 / 20, 1e-2), variances(high, 10 / 160, 1e-5)
            kalman.P = np.diag(np.concatenate(born))
        else:
            kalman.x[7, 0] *= frame - 1 not in (6, 7)  # no growth after a miss
            high = kalman.x[3, 0]
            noise = variances(high, 1 / 20, 1e-2), variances(high, 1 / 160, 1e-5)
            kalman.predict(Q=np.diag(np.concatenate(noise)))
        if frame in (6, 7):
            track(tracker, [])
            continue
        if frame > 0:
            kalman.update(measured, R=np.diag(variances(kalman.x[3, 0], 1 / 20, 1e-1)))
        center, (aspect, high) = kalman.x[:2, 0], kalman.x[2:4, 0]
        half = np.array([aspect * high, high]) / 2
        [box] = tracker.update(boxes[[frame]], [0.9]).boxes
        np.testing.assert_allclose(box, [*(center - half), *(center + half)], rtol=1e-6)


def test_a_duplicate_is_removed_beside_other_tracks() -> None:
    tracker = ByteTrack()
    for boxes in ((AWAY, BOX), (AWAY, BOX, BOX + 1), (AWAY, BOX)):
        for _ in range(3):
            ids = track(tracker, np.vstack(boxes))
    assert ids == [1, 2]
    assert len(tracker._filter) == 2


def test_a_vehicle_that_stops_after_a_miss_is_found_after_unseen_frames() -> None:
    """A lost track stops growing, in unseen frames as well as in processed ones."""
    tracker = ByteTrack()
    for growth in range(0, 80, 8):
        box = BOX + np.array([0, 0, 0, growth])
        track(tracker, box)
    track(tracker, [])
    assert tracker.update(box, [0.9], unseen=20).ids.tolist() == [1]
