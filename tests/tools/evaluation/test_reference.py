from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import SpotStreamError
from tools.annotations.distractors import MotObjects
from tools.annotations.ground_truths import read_ground_truths
from tools.annotations.trajectories import Trajectories
from tools.evaluation.benchmark import Entry, score_entries
from tools.evaluation.reference import check_by_trackeval

pytest.importorskip("trackeval")

FRAMES = 40


def write_sequence(folder: Path, name: str, seed: int) -> None:
    """Thirty objects in a crowd, 18 of them pedestrians, and results on all."""
    rng = np.random.default_rng(seed)
    kinds = np.array([1] * 18 + [2, 3, 6, 6, 7, 7, 8, 8, 8, 11, 12, 13])
    flags = (kinds == 1) & (np.arange(len(kinds)) > 2)
    starts, speeds = rng.uniform(0, 300, (len(kinds), 2)), rng.uniform(-3, 3, (len(kinds), 2))
    truth, found = [], []
    for frame in range(1, FRAMES + 1):
        for number, kind in enumerate(kinds, 1):
            left, top = (starts[number - 1] + frame * speeds[number - 1]).round(2)
            truth.append(
                f"{frame},{number},{left},{top},30,60,{int(flags[number - 1])},{kind},0.5\n"
            )
            x, y, width, height = np.array([left, top, 30, 60]) + rng.normal(0, 4, 4)
            identity = number if rng.random() < 0.97 else number + 1000
            if rng.random() < 0.85:
                found.append(f"{frame},{identity},{x:.2f},{y:.2f},{width:.2f},{height:.2f},1\n")
    (folder / "gt" / f"{name}.txt").write_text("".join(truth))
    (folder / "out" / f"{name}.txt").write_text("".join(found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mot")
    (made / "gt").mkdir()
    (made / "out").mkdir()
    for seed, name in enumerate(("MOT16-02", "MOT17-04", "MOT20-01", "MOT17-05")):
        write_sequence(made, name, seed)
    (made / "out" / "MOT17-05.txt").write_text("")
    return made


def checked(folder: Path) -> str:
    truths = read_ground_truths("mot", folder / "gt")
    entries = [Entry("", folder / "out", "results")]
    scores = score_entries(entries, truths, iou_threshold=0.5, workers=1)
    return "".join(check_by_trackeval(scores, truths, 0.5))


def test_results_on_distractors_are_ignored_as_in_trackeval(folder: Path) -> None:
    assert checked(folder) == "TrackEval finds the same in all 21 scores, as MOT17 and MOT20"


def test_counting_distractors_differs_from_trackeval(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(self: MotObjects, tracks: Trajectories) -> np.ndarray:
        return np.zeros(len(tracks), np.bool_)

    monkeypatch.setattr(MotObjects, "distracted", nothing)
    with pytest.raises(SpotStreamError, match=r"MOTA .*, by TrackEval"):
        checked(folder)
