from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import SpotStreamError
from tools.annotations.distractors import MotObjects
from tools.annotations.ground_truths import read_ground_truths
from tools.annotations.trajectories import Trajectories
from tools.evaluation.benchmark import Entry, score_entries
from tools.evaluation.reference import check_by_trackeval, trackeval_scores

MotChallenge2DBox = pytest.importorskip("trackeval").datasets.MotChallenge2DBox

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


def test_equal_overlaps_are_matched_as_trackeval_matches_those_of_the_file(
    tmp_path: Path,
) -> None:
    """In the first frame, two results have the same box, and the greater id comes first."""
    truth, found = tmp_path / "gt" / "A.txt", tmp_path / "out" / "A.txt"
    for file in (truth, found):
        file.parent.mkdir()
    rows = [f"{frame},1,100,100,40,40,1,-1,-1,-1\n" for frame in range(1, 6)]
    truth.write_text("".join(rows))
    again = [row.replace(",1,", ",2,", 1) for row in rows]
    found.write_text(again[0] + rows[0] + "".join(again[1:]))
    [read] = read_ground_truths("mot", truth.parent)
    [score] = score_entries([Entry("", found.parent, "results")], [read], iou_threshold=0.5)
    theirs = trackeval_scores({"A": data_read_by_trackeval(truth, found, 5)}, 0.5)
    assert theirs["IDS"] == 0
    assert score.overall["tracking"] == pytest.approx(theirs, abs=1e-12)


def data_read_by_trackeval(truth: Path, found: Path, frame_count: int) -> dict[str, object]:
    data_set = MotChallenge2DBox(
        {
            "BENCHMARK": "MOT15",
            "GT_FOLDER": str(truth.parent),
            "GT_LOC_FORMAT": "{gt_folder}/{seq}.txt",
            "TRACKERS_FOLDER": str(found.parent.parent),
            "TRACKERS_TO_EVAL": [found.parent.name],
            "TRACKER_SUB_FOLDER": "",
            "SEQ_INFO": {truth.stem: frame_count},
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )
    raw = data_set.get_raw_seq_data(found.parent.name, truth.stem)
    data: dict[str, object] = data_set.get_preprocessed_seq_data(raw, "pedestrian")
    return data


def test_counting_distractors_differs_from_trackeval(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(self: MotObjects, tracks: Trajectories) -> np.ndarray:
        return np.zeros(len(tracks), np.bool_)

    monkeypatch.setattr(MotObjects, "distracted", nothing)
    with pytest.raises(SpotStreamError, match=r"MOTA .*, by TrackEval"):
        checked(folder)
