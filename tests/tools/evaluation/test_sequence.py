from __future__ import annotations

from pathlib import Path

import pytest

from tools.annotations.ground_truths import read_ground_truths
from tools.evaluation.benchmark import scores_of
from tools.evaluation.detection import DetectionResult
from tools.evaluation.sequence import SequenceTask, score_sequence
from tools.evaluation.tracker_choice import choose_tracker


def judged(folder: Path, truth: str, found: str) -> DetectionResult:
    """Detections of the first frame at IoU 0.7, one region ignored; both as left,…,height."""
    sides = " ".join(
        f'{name}="{value}"'
        for name, value in zip(("left", "top", "width", "height"), truth.split(","), strict=True)
    )
    target = f'<target_list><target id="1"><box {sides}/></target></target_list>'
    region = '<ignored_region><box left="900.3" top="0" width="40" height="10"/></ignored_region>'
    (folder / "A.xml").write_text(
        f'<sequence name="A">{region}<frame num="1" density="1">{target}</frame></sequence>'
    )
    (folder / "A.txt").write_text(f"1,1,{found},0.9\n")
    [read] = read_ground_truths("detrac", folder)
    return score_sequence(SequenceTask(read, folder / "A.txt")).detection[0.7]


@pytest.mark.parametrize("left", [0, 900.3, 913.17, 3800.01])
def test_an_iou_of_exactly_the_threshold_is_enough_anywhere_in_the_frame(
    tmp_path: Path, left: float
) -> None:
    for width, hits in ((7, [True]), (6.99, [False])):
        result = judged(tmp_path, f"{left},50,10,10", f"{left},50,{width},10")
        assert result.hits.tolist() == hits, width


@pytest.mark.parametrize(("left", "count"), [(895.3, 0), (895.29, 1), (935.3, 0), (935.31, 1)])
def test_exactly_half_of_a_box_in_an_ignored_region_is_enough(
    tmp_path: Path, left: float, count: int
) -> None:
    result = judged(tmp_path, "0,50,10,10", f"{left},0,10,10")
    assert len(result.hits) == count


@pytest.mark.parametrize(("score", "divided"), [(0, True), (0.9, True), (1, True), (90, False)])
def test_scores_that_no_threshold_divides_give_no_pr_scores(
    tmp_path: Path, score: float, divided: bool
) -> None:
    rows = [f"{frame},1,{frame},20,30,40" for frame in range(1, 4)]
    (tmp_path / "A.txt").write_text("".join(f"{row},1,1,1\n" for row in rows))
    [truth] = read_ground_truths("mot", tmp_path)
    found = tmp_path / "found.txt"
    found.write_text("".join(f"{row},{score}\n" for row in rows))
    scores = scores_of([score_sequence(SequenceTask(truth, found, tracker=choose_tracker("sort")))])
    assert scores["detection"]["AP70"] == 1
    assert ("pr" in scores) == divided


def test_the_pr_protocol_takes_eight_frames_of_ten_for_mostly_tracked(tmp_path: Path) -> None:
    rows = [f"{frame},1,0,20,30,40,1\n" for frame in range(1, 11)]
    (tmp_path / "A.txt").write_text("".join(rows))
    [truth] = read_ground_truths("mot", tmp_path)
    found = tmp_path / "found.txt"
    found.write_text("".join(rows[:8]))
    tracker = choose_tracker("sort", ["min_hits=0"])
    score = score_sequence(SequenceTask(truth, found, tracker=tracker))
    assert score.tracking is not None
    assert score.tracking.clear.mostly_tracked == 0
    assert {point.clear.mostly_tracked for point in score.points} == {1}


def test_the_pr_protocol_counts_an_empty_frame_as_a_fragmentation(tmp_path: Path) -> None:
    rows = [f"{frame},1,0,20,30,40,1\n" for frame in range(1, 11)]
    (tmp_path / "A.txt").write_text("".join(rows))
    [truth] = read_ground_truths("mot", tmp_path)
    found = tmp_path / "found.txt"
    found.write_text("".join(rows[:4] + rows[5:]))
    tracker = choose_tracker("sort", ["min_hits=0"])
    score = score_sequence(SequenceTask(truth, found, tracker=tracker))
    assert score.tracking is not None
    assert score.tracking.clear.fragmentations == 0
    assert {point.clear.fragmentations for point in score.points} == {1}
