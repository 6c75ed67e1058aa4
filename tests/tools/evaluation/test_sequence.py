from __future__ import annotations

from pathlib import Path

import pytest

from tools.annotations.ground_truths import read_ground_truths
from tools.evaluation.benchmark import scores_of
from tools.evaluation.sequence import SequenceTask, score_sequence
from tools.evaluation.tracker_choice import choose_tracker


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
