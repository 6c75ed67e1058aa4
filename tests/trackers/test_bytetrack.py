from __future__ import annotations

import numpy as np
import pytest

from trackers import ByteTrack

BOX = np.array([[100.0, 100, 140, 180]])
AWAY = BOX + 300


def seen(tracker: ByteTrack, boxes: np.ndarray | list, score: float = 0.9) -> list[int]:
    return tracker.update(boxes, np.full(len(boxes), score)).ids.tolist()


def test_reports_at_once_in_the_first_frame_and_from_the_second_detection_later() -> None:
    tracker = ByteTrack()
    assert seen(tracker, BOX) == [1]
    assert seen(tracker, np.vstack((BOX, AWAY))) == [1]
    assert seen(tracker, np.vstack((BOX, AWAY))) == [1, 2]


def test_a_weak_detection_carries_a_track_on_and_begins_none() -> None:
    tracker = ByteTrack()
    seen(tracker, BOX)
    assert [seen(tracker, np.vstack((BOX, AWAY)), 0.2) for _ in range(5)] == [[1]] * 5
    assert tracker.next_id == 2


def test_a_weak_detection_does_not_bring_a_lost_track_back() -> None:
    tracker = ByteTrack()
    seen(tracker, BOX)
    seen(tracker, [])
    assert seen(tracker, BOX, 0.2) == []
    assert seen(tracker, BOX, 0.9) == [1]


def test_detections_between_high_and_birth_score_only_carry_on() -> None:
    tracker = ByteTrack(high_score=0.6, birth_score=0.7)
    assert seen(tracker, BOX, 0.65) == []
    assert seen(tracker, BOX, 0.7) == []
    assert seen(tracker, BOX, 0.65) == [1]


def test_a_track_of_one_detection_is_given_up_at_its_first_miss() -> None:
    tracker = ByteTrack()
    seen(tracker, BOX)
    seen(tracker, np.vstack((BOX, AWAY)))
    seen(tracker, BOX)
    assert seen(tracker, np.vstack((BOX, AWAY))) == [1]
    assert seen(tracker, np.vstack((BOX, AWAY))) == [1, 3]


@pytest.mark.parametrize("max_age", [0, 4])
def test_a_track_survives_max_age_frames_without_detection(max_age: int) -> None:
    for gap, survives in ((max_age, True), (max_age + 1, False)):
        tracker = ByteTrack(max_age=max_age)
        seen(tracker, BOX)
        for _ in range(gap):
            assert seen(tracker, []) == []
        assert (seen(tracker, BOX) == [1]) == survives


def test_strong_pairs_need_iou_times_score() -> None:
    shifted = BOX + np.array([20, 0, 20, 0])  # IoU 1/3
    for score, same in ((0.95, True), (0.65, False)):
        tracker = ByteTrack(iou_threshold=0.3)
        seen(tracker, BOX)
        assert (seen(tracker, shifted, score) == [1]) == same


def test_a_pairing_is_worth_what_exceeds_the_threshold() -> None:
    tracker = ByteTrack(iou_threshold=0.2)
    aside = np.array([1, 0, 1, 0])
    seen(tracker, np.vstack((BOX, BOX + 5.2 * aside)))
    # IoU of the first track 0.22 and 0.90, of the second 0.13 and 0.86: 0.70 is more than 0.68.
    assert seen(tracker, np.vstack((BOX - 25.6 * aside, BOX + 2.1 * aside)), 1.0) == [1]


def test_a_new_track_is_first_predicted_when_it_is_confirmed() -> None:
    tracker = ByteTrack()
    seen(tracker, AWAY)
    seen(tracker, np.vstack((AWAY, BOX)))
    moved = tracker.update(np.vstack((AWAY, BOX + 4)), np.full(2, 0.9)).boxes[1]
    # Standard deviations of 1/10 and, of the measurement, 1/20 of the height: 4/5 of the way.
    assert moved == pytest.approx(BOX[0] + 3.2, abs=1e-4)


@pytest.mark.parametrize("shift", [0, 1], ids=["where the older is", "where the younger is"])
def test_of_two_tracks_on_one_place_the_older_stays(shift: int) -> None:
    tracker = ByteTrack()
    for _ in range(3):
        seen(tracker, BOX)
    both = np.vstack((BOX, BOX + 1))
    assert [seen(tracker, both) for _ in range(4)][-1] == [1, 2]  # both seen: both stay
    seen(tracker, BOX + shift)
    assert seen(tracker, BOX) == [1]
    assert len(tracker._filter) == 1


def test_a_young_track_that_drives_onto_a_lost_one_is_dropped() -> None:
    tracker = ByteTrack()
    for _ in range(12):
        seen(tracker, BOX)
    lefts = [*range(80, 0, -8), 4, 2]
    reports = [seen(tracker, BOX + np.array([left, 0, left, 0])) for left in lefts]
    assert reports == [[], *[[2]] * 9, [], [1]]


@pytest.mark.parametrize(
    ("setting", "value"), [("max_age", -1), ("iou_threshold", 0), ("low_score", float("nan"))]
)
def test_bad_settings_are_refused(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting):
        ByteTrack(**{setting: value})  # type: ignore[arg-type]


def test_a_box_that_shrinks_to_nothing_among_many() -> None:
    """Its predicted height must not fall below zero, which would turn the box over."""
    places = np.arange(120)
    corners = np.column_stack((50 * (places % 40), 300 + 40 * (places // 40)))
    crowd = np.hstack((corners, corners + np.array([20, 30])))
    tracker = ByteTrack()
    for height in (100, 36, 11, 0, 0, 0):
        boxes = np.vstack((crowd, [[60, 50, 360, 50 + height]]))
        tracks = tracker.update(boxes, np.ones(len(boxes)))
        assert (tracks.boxes[:, 3] > tracks.boxes[:, 1]).all()
