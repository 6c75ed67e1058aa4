from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.detector.detection_file import DetectionFile
from tests.tools.annotations.detrac_file import annotation, box, frame, target
from tests.tools.evaluation.conftest import tracks
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ground_truths import read_ground_truths
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.mot_file import read_mot
from tools.evaluation.benchmark import scores_of
from tools.evaluation.detection import DetectionResult
from tools.evaluation.sequence import SequenceTask, score_sequence, score_tracks, track
from tools.tracking.tracker_choice import choose_tracker
from tools.workers import StoppedError


def judged(folder: Path, truth: tuple[float, ...], found: tuple[float, ...]) -> DetectionResult:
    """Judges one detection at IoU 0.7, with one ignored region; boxes are left,…,height."""
    (folder / "A.xml").write_text(
        annotation(frame(1, target(1, *truth)), "A", box(900.3, 0, 40, 10))
    )
    (folder / "A.txt").write_text(f"1,1,{','.join(map(str, found))},0.9\n")
    [read] = read_ground_truths("detrac", folder)
    return score_sequence(SequenceTask(read, folder / "A.txt")).detection[0.7]


@pytest.mark.parametrize("left", [0, 900.3, 913.17, 3800.01])
def test_an_iou_equal_to_the_threshold_matches_anywhere_in_the_frame(
    tmp_path: Path, left: float
) -> None:
    for width, hits in ((7, [True]), (6.99, [False])):
        result = judged(tmp_path, (left, 50, 10, 10), (left, 50, width, 10))
        assert result.hits.tolist() == hits, width


@pytest.mark.parametrize(("left", "count"), [(895.3, 0), (895.29, 1), (935.3, 0), (935.31, 1)])
def test_a_box_with_exactly_half_in_an_ignored_region_is_ignored(
    tmp_path: Path, left: float, count: int
) -> None:
    result = judged(tmp_path, (0, 50, 10, 10), (left, 0, 10, 10))
    assert len(result.hits) == count


@pytest.mark.parametrize(("score", "divided"), [(0, True), (0.9, True), (1, True), (90, False)])
def test_scores_above_1_give_no_pr_scores(tmp_path: Path, score: float, divided: bool) -> None:
    rows = [f"{frame},1,{frame},20,30,40" for frame in range(1, 4)]
    (tmp_path / "A.txt").write_text("".join(f"{row},1,1,1\n" for row in rows))
    [truth] = read_ground_truths("mot", tmp_path)
    found = tmp_path / "found.txt"
    found.write_text("".join(f"{row},{score}\n" for row in rows))
    scores = scores_of([score_sequence(SequenceTask(truth, found, tracker=choose_tracker("sort")))])
    assert scores["detection"]["AP70"] == 1
    assert ("pr" in scores) == divided


@pytest.mark.parametrize(
    ("missed", "count"),
    [((9, 10), "mostly_tracked"), ((5,), "fragmentations")],
    ids=["eight frames of ten are mostly tracked", "an empty frame is a fragmentation"],
)
def test_the_pr_protocol_has_its_own_counts(
    tmp_path: Path, missed: tuple[int, ...], count: str
) -> None:
    rows = [f"{frame},1,0,20,30,40,1\n" for frame in range(1, 11)]
    (tmp_path / "A.txt").write_text("".join(rows))
    [truth] = read_ground_truths("mot", tmp_path)
    found = tmp_path / "found.txt"
    found.write_text("".join(row for frame, row in enumerate(rows, 1) if frame not in missed))
    tracker = choose_tracker("sort", ["min_hits=0"])
    score = score_sequence(SequenceTask(truth, found, tracker=tracker))
    assert score.tracking is not None
    assert getattr(score.tracking.clear, count) == 0
    assert {getattr(point.clear, count) for point in score.points} == {1}


SHIFT = 2.5  # of two boxes of 10x10: IoU 0.6


def two_vehicles() -> GroundTruth:
    """Vehicles at 0 and at 100 in two frames, the second one hard; x from 200 to 300 is ignored."""
    boxes = tracks({1: 0, 2: 100}, {1: 0, 2: 100})
    ignored = IgnoredRegions(np.array([[200.0, 0, 300, 50]]))
    easy = np.array([True, False] * 2)
    return GroundTruth("A", 2, boxes, boxes, ignored, {"easy": easy, "hard": easy | True})


def written(folder: Path, *lefts: float, score: float = 0.5) -> Path:
    """Writes 10x10 boxes in two frames, which serve as detections and as tracks."""
    path = folder / "found.txt"
    path.write_text(
        "".join(
            f"{frame},{identity},{left},0,10,10,{score}\n"
            for frame in (1, 2)
            for identity, left in enumerate(lefts, 1)
        )
    )
    return path


def test_detections_have_their_own_truth_and_ignoring_is_per_frame(
    tmp_path: Path,
) -> None:
    real, objects = tracks({1: 0}, {1: 0}), tracks({1: 0, 2: 100}, {1: 0})
    ignored = IgnoredRegions(np.array([[200.0, 0, 300, 50]]), np.array([0]), "center")
    truth, found = GroundTruth("A", 2, real, objects, ignored), written(tmp_path, 0, 100, 250)
    score = score_sequence(SequenceTask(truth, found))
    tracked = score_sequence(SequenceTask(truth, found, "results"))
    assert score.detection[0.7].truth == 3
    assert sorted(score.detection[0.7].hits.tolist()) == [False, False, True, True, True]
    for scored in (tracked.tracking, score_tracks(truth, read_mot(found), 0.5)):
        assert scored is not None
        assert (scored.clear.true_positives, scored.clear.false_positives) == (2, 3)


def test_all_detections_are_false_without_true_boxes(tmp_path: Path) -> None:
    nothing = tracks({}, {})
    task = SequenceTask(GroundTruth("A", 2, nothing, nothing), written(tmp_path, 0))
    assert score_sequence(task).detection[0.7].hits.tolist() == [False, False]


def test_levels_use_the_strictest_iou_and_ignore_other_boxes(tmp_path: Path) -> None:
    found = written(tmp_path, SHIFT, 100, 250)
    score = score_sequence(SequenceTask(two_vehicles(), found))
    assert sorted(score.detection[0.5].hits.tolist()) == [True] * 4
    easy, hard = score.levels["easy"], score.levels["hard"]
    assert (easy.hits.tolist(), easy.truth) == ([False, False], 2)
    assert (sorted(hard.hits.tolist()), hard.truth) == ([False, False, True, True], 4)


@pytest.mark.parametrize(("threshold", "hits"), [(0.5, 4), (0.6, 4), (0.7, 2)])
def test_tracks_are_scored_at_the_benchmarks_iou_without_ignored_boxes(
    tmp_path: Path, threshold: float, hits: int
) -> None:
    found = written(tmp_path, SHIFT, 100, 250)
    tracker = choose_tracker("ocsort", ["min_hits=0", "min_score=0"])
    for sources in ({"kind": "results"}, {"tracker": tracker}):
        task = SequenceTask(two_vehicles(), found, iou_threshold=threshold, **sources)
        score = score_sequence(task)
        assert score.tracking is not None
        clear, identity = score.tracking.clear, score.tracking.identity
        assert (clear.true_positives, clear.false_positives) == (hits, 4 - hits)
        assert (identity.true_positives, identity.false_positives) == (hits, 4 - hits)
        assert score.errors is not None
        assert score.errors.sum(axis=0).tolist() == [4 - hits, 4 - hits, 0]


def test_the_pr_protocol_has_its_own_iou_and_inclusive_thresholds(
    tmp_path: Path,
) -> None:
    tracker = choose_tracker("ocsort", ["min_hits=0", "min_score=0"])
    task = SequenceTask(two_vehicles(), written(tmp_path, SHIFT, 100, 250), tracker=tracker)
    points = score_sequence(task).points
    assert [point.detections for point in points] == [4] * 6 + [0] * 5  # scores are 0.5
    assert {(point.true_positives, point.truth) for point in points[:6]} == {(2, 4)}
    clears = {(point.clear.true_positives, point.clear.false_positives) for point in points[:6]}
    assert clears == {(2, 2)}
    assert {point.clear.false_negatives for point in points[6:]} == {4}
    with pytest.raises(StoppedError):
        score_sequence(task, stopped=lambda: True)


def test_scores_above_1_are_reported_only_if_a_tracker_uses_them(tmp_path: Path) -> None:
    found = written(tmp_path, 0, 100, score=90)
    assert score_sequence(SequenceTask(two_vehicles(), found)).warnings == ()
    task = SequenceTask(two_vehicles(), found, tracker=choose_tracker("sort"))
    [warning] = score_sequence(task).warnings
    assert warning.startswith("there are scores up to 90; ")


def test_classes_raise_no_warnings(tmp_path: Path) -> None:
    found = tmp_path / "found.txt"
    found.write_text("1,-1,0,0,10,10,0.5,2,-1\n1,-1,100,0,10,10,0.5,1,-1\n")
    assert DetectionFile.read(found).format == "uavdt"
    assert score_sequence(SequenceTask(two_vehicles(), found)).warnings == ()


def test_track_corners_and_sizes_are_rounded_to_two_decimals(tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_text("1,1,0.126,0.126,10.126,10.126,0.9\n")
    found = track(DetectionFile.read(path), choose_tracker("ocsort", ["min_hits=0"]), 1)
    np.testing.assert_allclose(found.boxes, [[0.13, 0.13, 10.26, 10.26]], rtol=1e-12)


def test_a_config_file_with_a_colon_in_its_name_is_no_class(tmp_path: Path) -> None:
    config = tmp_path / "2026-11-30T10:00.yaml"
    config.write_text("tracker: {name: sort, settings: {max_age: 7}}\n")
    tracker = choose_tracker(str(config))
    assert (tracker.name, tracker.settings["max_age"]) == ("sort", 7)
