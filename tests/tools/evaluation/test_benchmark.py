from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tools.processes import run_python
from tools.evaluation.benchmark import protocol_points, scores_of
from tools.evaluation.detection import DetectionResult
from tools.evaluation.pr_protocol import PrPoint
from tools.evaluation.sequence import SequenceScore

SCRIPT = """
import sys
from pathlib import Path

from tests.tools.processes import run_python
from tools.evaluation.benchmark import Entry, score_entries
from tools.annotations.ground_truths import read_ground_truths
from tools.tracking.tracker_choice import choose_tracker


def refuse(event, arguments):
    if event == "os.fork":
        raise RuntimeError("forked: locks of other threads stay locked in the child")


if __name__ == "__main__":
    sys.addaudithook(refuse)
    folder = Path(sys.argv[1])
    truths = read_ground_truths("mot", folder / "gt")
    entries = [Entry("", folder / "det", tracker=choose_tracker("sort"))]
    [score] = score_entries(entries, truths, iou_threshold=0.5, workers=2)
    print(score.overall["tracking"]["TP"])
"""


def test_sequences_are_scored_in_processes_that_are_not_forked(tmp_path: Path) -> None:
    for folder in ("gt", "det"):
        (tmp_path / folder).mkdir()
    for name in ("A", "B"):
        frames = range(1, 11)
        truth = "".join(f"{frame},1,{frame},20,30,40,1,1,1\n" for frame in frames)
        found = "".join(f"{frame},-1,{frame},20,30,40,0.9\n" for frame in frames)
        (tmp_path / "gt" / f"{name}.txt").write_text(truth)
        (tmp_path / "det" / f"{name}.txt").write_text(found)
    script = tmp_path / "score.py"
    script.write_text(SCRIPT)
    done = run_python(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def sequence(weather: str, hits: dict[float, int]) -> SequenceScore:
    """A sequence of three vehicles; ``hits`` gives the number found at each IoU."""
    detection = {
        iou: DetectionResult(np.ones(count, np.float32), np.ones(count, np.bool_), 3)
        for iou, count in hits.items()
    }
    return SequenceScore(weather, detection, {"easy": detection[0.7]}, {"weather": weather})


def test_level_and_weather_scores_use_the_strictest_iou() -> None:
    sequences = [sequence("night", {0.5: 3, 0.7: 2}), sequence("sunny", {0.5: 3, 0.7: 0})]
    assert scores_of(sequences)["detection"] == pytest.approx(
        {"AP70": 1 / 3, "AP50": 1, "easy": 1 / 3, "night": 2 / 3, "sunny": 0}
    )


def test_points_add_up_if_every_sequence_has_them() -> None:
    first = SequenceScore("A", points=(PrPoint(1, 2, 3), PrPoint(1, 1, 3)))
    second = SequenceScore("B", points=(PrPoint(2, 2, 2), PrPoint()))
    assert protocol_points([first, second]) == [PrPoint(3, 4, 5), PrPoint(1, 1, 3)]
    assert protocol_points([first, SequenceScore("C")]) == []
