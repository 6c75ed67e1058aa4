"""Behaviour common to all trackers."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from trackers import TRACKERS, Tracker, build_tracker
from trackers.tracker import LONGEST_BREAK

BOX = [10.0, 10.0, 50.0, 40.0]
OTHER = [200.0, 10.0, 240.0, 40.0]


@pytest.fixture(params=sorted(TRACKERS))
def tracker(request: pytest.FixtureRequest) -> Tracker:
    return build_tracker(request.param)


def test_dtypes_and_shapes(tracker: Tracker) -> None:
    tracks = tracker.update([BOX, OTHER], [0.9, 0.8], [2, 0])
    assert tracks.boxes.dtype == tracks.scores.dtype == np.float32
    assert tracks.classes.dtype == np.int16
    assert tracks.ids.dtype == tracks.detection_indices.dtype == np.int64
    assert tracks.boxes.shape == (2, 4)
    np.testing.assert_allclose(tracks.boxes, [BOX, OTHER], rtol=1e-6)
    np.testing.assert_allclose(tracks.scores, [0.9, 0.8], rtol=1e-6)
    assert tracks.classes.tolist() == [2, 0]
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.detection_indices.tolist() == [0, 1]


def test_empty_frames(tracker: Tracker) -> None:
    for boxes in ([], np.empty((0, 4), np.float32)):
        tracks = tracker.update(boxes, [])
        assert len(tracks) == 0
        assert tracks.boxes.shape == (0, 4)
        assert tracks.ids.dtype == np.int64


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("score", [0.6, 0.7], ids=["more in float32", "less in float32"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sort", ["min_score"]),
        ("ocsort", ["min_score"]),
        ("bytetrack", ["high_score", "birth_score"]),
        ("spottrack", ["high_score", "birth_score", "confirm_score"]),
    ],
)
def test_a_score_that_equals_the_threshold_reaches_it(
    name: str, settings: list[str], score: float, kind: type
) -> None:
    tracker = build_tracker(name, **dict.fromkeys(settings, score))
    for _ in range(5):
        tracks = tracker.update([BOX], np.array([score], kind))
    assert len(tracks) == 1
    tracker = build_tracker(name, **dict.fromkeys(settings, score))
    for _ in range(5):
        tracks = tracker.update([BOX], np.array([score - 1e-6], kind))
    assert not len(tracks)


def test_detection_indices_follow_the_detections(tracker: Tracker) -> None:
    for frame in range(6):
        first = frame % 2 == 0
        boxes = [BOX, OTHER] if first else [OTHER, BOX]
        tracks = tracker.update(boxes, [0.9, 0.9], [7, 8] if first else [8, 7])
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_indices.tolist() == ([0, 1] if first else [1, 0])
        assert tracks.classes.tolist() == [7, 8]


def test_boxes_without_area_are_ignored(tracker: Tracker) -> None:
    flat, inverted = [5.0, 5, 5, 9], [60.0, 60, 50, 70]
    for _ in range(5):
        tracks = tracker.update([flat, BOX, inverted], [0.9, 0.8, 0.9])
        assert tracks.ids.tolist() == [1]
        assert tracks.detection_indices.tolist() == [1]
        np.testing.assert_allclose(tracks.scores, [0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2, 3]], [0.5]), r"boxes must have shape \(N, 4\), got \(1, 3\)"),
        ((BOX, [0.5]), r"boxes must have shape \(N, 4\), got \(4,\)"),
        ((np.empty((0, 5)), []), r"boxes must have shape \(N, 4\), got \(0, 5\)"),
        (([BOX], [0.5, 0.6]), r"scores must have shape \(1,\), got \(2,\)"),
        (([BOX], []), r"scores must have shape \(1,\), got \(0,\)"),
        (([], [0.5]), r"scores must have shape \(0,\), got \(1,\)"),
        (([BOX], [0.5], [1, 2]), r"classes must have shape \(1,\), got \(2,\)"),
        (([BOX], [0.5], None, np.eye(3)), r"motion must have shape \(2, 3\), got \(3, 3\)"),
        (([BOX, [1, 2, np.nan, 4]], [0.5, 0.5]), "boxes must be finite, got .*nan.* in row 1"),
        (([[1, 2, np.inf, 4]], [0.5]), "boxes must be finite, got .*inf.* in row 0"),
        (([BOX], [np.nan]), "scores must be finite, got nan in row 0"),
        (([["a", "b", "c", "d"]], [0.5]), "boxes must be an array of numbers"),
        (
            ([BOX], [0.5], None, None, (640, 480, 3)),
            r"frame_size must have shape \(2,\), got \(3,\)",
        ),
        (([BOX], [0.5], None, None, (640, 0)), r"frame_size must be positive, got \[640.0, 0.0\]"),
        *(
            (([BOX], [0.5], None, None, None, unseen), f"unseen must be a whole number .* {unseen}")
            for unseen in (-1, 1.5, np.nan, np.inf, -np.inf)
        ),
        (([[0, 0, 1e39, 10]], [0.9]), "boxes must lie within 1e\\+09 pixels"),
        (([BOX], [1e39]), "scores must lie within 3.40282e\\+38, got"),
        (([[0, 0, 10**400, 10]], [0.9]), "boxes must be an array of numbers"),
        (([BOX, OTHER], [0.9, 0.9], [7, 70000]), "classes must be whole numbers from"),
        (([BOX, OTHER], [0.9, 0.9], [0.7, 7]), "classes must be whole numbers from"),
        (([BOX], [0.9], None, [[1, 0, 0], [0, 1e-3, 0]]), "motion must not zoom"),
        (([BOX], [0.9], None, [[1e3, 0, 0], [0, 1, 0]]), "motion must not zoom"),
        (([BOX], [0.9], None, [[1, 0, 1e12], [0, 1, 0]]), "motion must lie within"),
    ],
)
def test_malformed_input_is_refused(arguments: tuple, message: str) -> None:
    tracker = build_tracker("sort")
    with pytest.raises(ValueError, match=message):
        tracker.update(*arguments)
    assert tracker.next_id == 1


def test_every_tracker_shares_the_input_checks(tracker: Tracker) -> None:
    assert type(tracker).update is Tracker.update


def test_the_frame_size_may_be_an_array_that_is_modified_in_place() -> None:
    at_the_edge = [[0.0, 10.0, 40.0, 40.0], [560.0, 10.0, 600.0, 40.0]]
    size = np.array([640, 480])
    tracker = build_tracker("spottrack", edge_margin=4.0)
    assert len(tracker.update(at_the_edge, [0.9, 0.9], frame_size=size)) == 1
    size[0] = 600
    assert len(tracker.update(at_the_edge, [0.9, 0.9], frame_size=size)) == 0
    assert len(tracker.update(at_the_edge, [0.9, 0.9], frame_size=(640, 480))) == 1
    assert len(tracker.update(at_the_edge, [0.9, 0.9], frame_size=(600, 480))) == 0


def test_a_refused_frame_does_not_advance_the_tracker(tracker: Tracker) -> None:
    other = type(tracker)()
    for frame in range(8):
        box = np.array([BOX]) + 3 * frame
        with pytest.raises(ValueError, match="finite"):
            tracker.update([[np.nan] * 4], [0.9])
        np.testing.assert_array_equal(
            tracker.update(box, [0.9]).boxes, other.update(box, [0.9]).boxes
        )


def test_reset_forgets_tracks_but_not_ids(tracker: Tracker) -> None:
    for _ in range(9):
        assert tracker.update([BOX], [0.9]).ids.tolist() == [1]
    tracker.reset()
    assert tracker.update([BOX], [0.9]).ids.tolist() == [2]  # at once, as in a stream's first frame


def test_ids_given_out_by_others_are_skipped(tracker: Tracker) -> None:
    tracker.skip_ids(7)
    tracker.skip_ids(3)
    assert tracker.update([BOX], [0.9]).ids.tolist() == [7]


def drive(tracker: Tracker, frames: list[int]) -> list[int]:
    """Returns the ids of an 80-pixel car that moves 8 pixels a frame, seen only in ``frames``."""
    ids, before = [], -1
    for frame in frames:
        box = [8.0 * frame, 10.0, 80 + 8.0 * frame, 60.0]
        ids += tracker.update([box], [0.9], unseen=frame - before - 1).ids.tolist()
        before = frame
    return ids


@pytest.mark.parametrize(
    "frames",
    [[*range(12), *range(12 + LONGEST_BREAK, 50)], [*range(0, 60, 3)], [0, 1, 3, 7, 8, 12, 22, 23]],
    ids=["a long break", "two of three left out", "some left out"],
)
def test_tracks_continue_through_frames_that_were_left_out(
    tracker: Tracker, frames: list[int]
) -> None:
    ids = drive(tracker, frames)
    assert set(ids) == {1}
    assert len(ids) >= len(frames) - 3


def test_a_break_too_long_ends_all_tracks(tracker: Tracker) -> None:
    frames = [*range(12), *range(13 + LONGEST_BREAK, 20 + LONGEST_BREAK)]
    assert set(drive(tracker, frames)) == {1, 2}
    patient = type(tracker)(max_age=LONGEST_BREAK + 1)
    assert set(drive(patient, frames)) == {1}
    for unseen in (LONGEST_BREAK, LONGEST_BREAK + 1):  # also for stationary objects
        still = type(tracker)(max_age=1)
        for passed in (0, 0, unseen):
            still.update([BOX], [0.9], unseen=passed)
        assert still.next_id == 2 + (unseen > LONGEST_BREAK)


@pytest.mark.parametrize("max_age", [0, 1, 4])
@pytest.mark.parametrize("more", [0, 1])
def test_a_track_survives_max_age_frames_without_detection(
    tracker: Tracker, max_age: int, more: int
) -> None:
    patient = type(tracker)(max_age=max_age)
    patient.update([BOX], [0.9])
    for _ in range(max_age + more):
        assert len(patient.update([], [])) == 0
    patient.update([BOX], [0.9])
    assert patient.next_id == 2 + more


def test_a_fast_shrinking_object_keeps_its_id(tracker: Tracker) -> None:
    patient = type(tracker)(max_age=2)
    for side in (100, 70, 45, 20, 0, 0, 20):  # without an area, it is not seen
        patient.update([[210 - side, 150 - side, 210 + side, 150 + side]], [0.9])
    assert patient.next_id == 2


def test_each_instance_counts_its_own_ids(tracker: Tracker) -> None:
    tracker.update([BOX, OTHER], [0.9, 0.9])
    assert type(tracker)().update([BOX], [0.9]).ids.tolist() == [1]


def test_ids_are_never_reused(tracker: Tracker) -> None:
    seen: set[int] = set()
    for round_ in range(5):
        box = np.array([BOX]) + 300 * round_
        ids = {int(i) for _ in range(5) for i in tracker.update(box, [0.9]).ids}
        assert not ids & seen
        seen |= ids
        for _ in range(60):
            tracker.update([], [])


def test_inputs_are_not_modified(tracker: Tracker) -> None:
    boxes, scores = np.array([BOX, OTHER]), np.array([0.9, 0.8])
    before = boxes.copy()
    for _ in range(4):
        tracks = tracker.update(boxes, scores)
        tracks.boxes[:] = 0
        tracks.scores[:] = 0
    np.testing.assert_array_equal(boxes, before)
    assert scores.tolist() == [0.9, 0.8]


def test_importing_trackers_imports_neither_torch_nor_opencv() -> None:
    code = "import sys, trackers; print(sorted({'torch', 'cv2', 'stages'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def scene(count: int, frames: int, seed: int = 0) -> list[np.ndarray]:
    """Returns drifting boxes, spread over a large frame."""
    rng = np.random.default_rng(seed)
    corners, speeds = rng.uniform(0, 8000, (count, 2)), rng.normal(0, 2, (count, 2))
    sizes = rng.uniform(20, 60, (count, 2))
    result = []
    for _ in range(frames):
        corners = corners + speeds
        result.append(np.hstack((corners, corners + sizes)))
    return result


def test_two_thousand_objects_are_tracked(tracker: Tracker) -> None:
    for boxes in scene(2000, 6):
        tracks = tracker.update(boxes, np.full(2000, 0.9))
    assert len(np.unique(tracks.ids)) == len(tracks) > 1900
    assert (np.diff(tracks.ids) > 0).all()


def test_identical_boxes_get_distinct_ids(tracker: Tracker) -> None:
    for _ in range(6):
        tracks = tracker.update([BOX] * 5, [0.9] * 5)
        assert len(np.unique(tracks.ids)) == len(tracks) >= 1


def test_results_are_deterministic(tracker: Tracker) -> None:
    other = type(tracker)()
    rng = np.random.default_rng(3)
    for boxes in scene(60, 30):
        shown = boxes[rng.random(60) < 0.8]
        scores = rng.random(len(shown))
        first, second = tracker.update(shown, scores), other.update(shown, scores)
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.ids, second.ids)


def test_an_id_never_passes_to_another_object(tracker: Tracker) -> None:
    """Objects that come and go never get an id that another object had."""
    rng = np.random.default_rng(8)
    owners: dict[int, int] = {}
    boxes = scene(30, 1)[0]
    for _ in range(200):
        present = rng.random(30) < 0.7
        tracks = tracker.update(boxes[present], np.full(present.sum(), 0.9))
        objects = np.flatnonzero(present)[tracks.detection_indices]
        for track, owner in zip(tracks.ids.tolist(), objects.tolist(), strict=True):
            assert owners.setdefault(track, owner) == owner


def test_state_is_bounded(tracker: Tracker) -> None:
    """Objects that are seen for three frames and never again leave nothing behind."""
    sizes = []
    for frame in range(200):
        boxes = scene(20, 1, seed=frame // 3)[0]
        tracker.update(boxes, np.full(20, 0.9))
        sizes.append(len(pickle.dumps(tracker)))
    assert max(sizes[100:]) <= 1.1 * max(sizes[:100])


def test_boxes_thinner_than_any_pixel_have_no_area(tracker: Tracker) -> None:
    for _ in range(5):
        assert len(tracker.update([[0, 0, 1e-170, 3], [5, 5, 5 + 1e-9, 9]], [0.9, 0.9])) == 0


def test_large_values_within_the_limits_are_accepted(tracker: Tracker) -> None:
    """The sum of their squares exceeds what the quick check of the input accepts."""
    far = [[9e8, 9e8, 9e8 + 40, 9e8 + 80], [-9e8, 9e8, 40 - 9e8, 9e8 + 80]]
    for _ in range(5):
        tracks = tracker.update(far, [3e38, 3e38])
        assert tracks.ids.tolist() == [1, 2]
        assert np.isfinite(tracks.scores).all()
    tracker.update([], [], motion=[[1, 0, 1e9], [0, 1, -1e9]])  # far, but not a zoom
