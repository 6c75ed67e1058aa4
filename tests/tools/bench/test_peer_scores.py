from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.annotations.ground_truths import read_ground_truths
from tools.bench import peer_scores
from tools.bench.peer_scores import score_trackers
from tools.bench.peers import reference_sort
from tools.tracking.tracker_choice import TrackerChoice


def test_peers_and_our_trackers_are_scored_alike(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer makes a track of every detection in a frame."""
    for folder in ("gt", "det"):
        (tmp_path / folder).mkdir()
    boxes = [f"{10 * frame},50,40,30" for frame in range(1, 11)]
    (tmp_path / "gt" / "A_gt.txt").write_text(
        "\n".join(f"{frame},1,{box},1,1,-1" for frame, box in enumerate(boxes, 1))
    )
    found = [f"{frame},-1,{box},0.9,1,-1" for frame, box in enumerate(boxes, 1)]
    found += [f"{frame},-1,500,50,40,30,0.2,1,-1" for frame in range(1, 11)]
    (tmp_path / "det" / "A.txt").write_text("\n".join(found))
    monkeypatch.setattr(
        peer_scores, "peer_python", lambda folder, environment, progress: sys.executable
    )
    theirs = reference_sort(clone)
    scores = score_trackers(
        read_ground_truths("uavdt", tmp_path / "gt"),
        tmp_path / "det",
        [TrackerChoice("ours", "sort", {"min_hits": 0, "min_score": 0.3, "iou_threshold": 0.1})],
        [theirs],
        tmp_path,
        iou_threshold=0.5,
    )
    assert scores["reference_sort"]["MOTA"] == 1
    assert scores["ours"]["MOTA"] == 1
    everything = score_trackers(
        read_ground_truths("uavdt", tmp_path / "gt"),
        tmp_path / "det",
        [],
        [replace(theirs, min_score=0.1)],
        tmp_path,
        iou_threshold=0.5,
    )
    assert everything["reference_sort"]["FP"] == 10
