from __future__ import annotations

import numpy as np
import pytest

from tests.trackers.conftest import BOX, PARITY, SEQUENCES, moved, read_detections, track
from trackers import OCSort, Sort


@pytest.mark.parametrize("max_age", [1, 30])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_tracks_equal_those_of_the_reference(sequence: str, max_age: int) -> None:
    """Per frame the same set of boxes, and ids the same up to a one-to-one renumbering."""
    frames = read_detections(sequence)
    expected = np.loadtxt(PARITY / "expected" / f"{sequence}_age{max_age}.txt", delimiter=",")
    expected[:, 4:6] += expected[:, 2:4]
    tracker = Sort(max_age=max_age, min_hits=3, iou_threshold=0.3)
    our_ids: dict[int, int] = {}
    their_ids: dict[int, int] = {}
    for number, (boxes, scores) in enumerate(frames, 1):
        tracks = tracker.update(boxes, scores)
        rows = expected[expected[:, 0] == number]
        assert len(tracks) == len(rows), f"frame {number}"
        if len(rows) == 0:
            continue
        # Written boxes are rounded twice, position and size, by up to 0.005 each.
        distances = np.abs(rows[:, None, 2:6] - tracks.boxes).max(axis=2)
        nearest = distances.argmin(axis=1)
        assert distances.min(axis=1).max() <= 0.0101, f"frame {number}"
        assert len(set(nearest)) == len(rows), f"frame {number}"
        for theirs, ours in zip(rows[:, 1].astype(int), tracks.ids[nearest], strict=True):
            assert our_ids.setdefault(theirs, ours) == ours, f"frame {number}"
            assert their_ids.setdefault(ours, theirs) == theirs, f"frame {number}"


@pytest.mark.parametrize("kind", [Sort, OCSort])
def test_new_tracks_are_reported_at_once_only_early_in_the_stream(
    kind: type[Sort | OCSort],
) -> None:
    tracker = kind(min_hits=3)
    for _ in range(4):
        assert track(tracker, BOX) == [1]
    late = np.vstack((BOX, BOX + 300))
    assert [2 in track(tracker, late) for _ in range(5)] == [False, False, False, True, True]


@pytest.mark.parametrize("kind", [Sort, OCSort])
@pytest.mark.parametrize("min_hits", [2, 3])
def test_a_gap_breaks_the_streak_of_hits(kind: type[Sort | OCSort], min_hits: int) -> None:
    tracker = kind(min_hits=min_hits, max_age=3)
    for _ in range(5):
        assert track(tracker, BOX) == [1]
    assert track(tracker, []) == []
    reports = [track(tracker, BOX) for _ in range(min_hits + 1)]
    assert reports == [*(min_hits - 1) * [[]], [1], [1]]


def test_the_reported_box_is_the_filtered_one() -> None:
    tracker = Sort(min_hits=0)
    tracker.update(BOX, [0.9])
    box = tracker.update(moved(4), [0.9]).boxes[0]
    # Variance 10 + 10^4 from the velocity + 1 of the process, against 1 of the measurement.
    assert box[0] == pytest.approx(104 - 4 / 10012, abs=1e-5)


def test_follows_a_moving_box_through_a_gap() -> None:
    tracker = Sort(max_age=5, min_hits=0)
    for frame in range(10):
        assert track(tracker, BOX + 10 * frame) == [1]
    for _ in range(5):
        track(tracker, [])
    assert track(tracker, BOX + 150) == [1]


def test_detections_below_min_score_are_ignored() -> None:
    tracker = Sort(min_score=0.5, min_hits=0)
    tracks = tracker.update(np.vstack((BOX + 300, BOX)), [0.49, 0.5], [1, 2])
    assert tracks.detection_indices.tolist() == [1]
    assert tracks.classes.tolist() == [2]


def test_pairs_below_the_iou_threshold_are_not_matched() -> None:
    shifted = moved(20)  # IoU 1/3
    for threshold, expected in ((0.3, [1]), (0.4, [2])):
        tracker = Sort(iou_threshold=threshold, min_hits=0)
        track(tracker, BOX)
        assert track(tracker, shifted) == expected


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("max_age", -1, "max_age must be a whole number of at least 0, got -1"),
        ("max_age", 1.5, "max_age must be a whole number of at least 0, got 1.5"),
        ("max_age", True, "max_age must be a whole number of at least 0, got True"),
        ("min_hits", "3", "min_hits must be a whole number of at least 0, got '3'"),
        ("iou_threshold", 1.4, r"iou_threshold must lie in \(0, 1\], got 1.4"),
        ("iou_threshold", 0, r"iou_threshold must lie in \(0, 1\], got 0"),
        ("iou_threshold", float("nan"), r"iou_threshold must lie in \(0, 1\], got nan"),
        ("min_score", float("inf"), "min_score must be a number from .*, got inf"),
        ("min_score", None, "min_score must be a number from .*, got None"),
    ],
)
def test_bad_settings_are_refused(setting: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sort(**{setting: value})  # type: ignore[arg-type]


def test_empty_frames_count_as_frames() -> None:
    tracker = Sort(min_hits=3)
    for _ in range(5):
        assert len(tracker.update([], [])) == 0
    found = [track(tracker, BOX) for _ in range(5)]
    assert found == [[], [], [], [1], [1]]  # no longer among the first frames of the stream


def test_negative_scores_are_tracked() -> None:
    tracker = Sort()
    for _ in range(5):
        assert track(tracker, BOX, -0.3) == [1]
    assert track(Sort(min_score=0), BOX, -0.3) == []
