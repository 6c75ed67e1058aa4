from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, SpotStreamError
from tools.bench import track
from tools.bench.peers import Peer, reference_sort, run_peer
from tools.bench.track import bench_track, crowd, read_loads
from tools.main import app
from trackers import TRACKERS


def test_peer_runs_in_its_own_python(clone: Path) -> None:
    frames = crowd(5)[:3]
    seconds, tracks = run_peer(reference_sort(clone), Path(sys.executable), frames)
    assert seconds.shape == (3,)
    assert (seconds > 0).all()
    assert tracks.frames.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert tracks.ids.tolist() == [30, 31, 32, 33, 34] * 3  # see SORT; 30 is its max_age
    np.testing.assert_allclose(tracks.boxes[:5], frames[0][0])


def test_peer_receives_only_detections_reaching_its_minimum_score(clone: Path) -> None:
    (boxes, _) = crowd(3)[0]
    frames = [(boxes, np.array([0.5, 0.29, 0.3])), (boxes, np.zeros(3))]
    seconds, tracks = run_peer(reference_sort(clone), Path(sys.executable), frames)
    assert len(seconds) == 2
    np.testing.assert_allclose(tracks.boxes, boxes[[0, 2]])


def test_failing_peer_reports_its_reason(clone: Path) -> None:
    peer = Peer("reference_sort", "sort", "reference", 0.3, {"path": str(clone), "wrong": 1})
    with pytest.raises(SpotStreamError, match=r"reference_sort failed: TypeError.*wrong"):
        run_peer(peer, Path(sys.executable), crowd(2)[:1])


def test_peer_does_not_inherit_pythonpath(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('not of the environment')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run_peer(reference_sort(clone), Path(sys.executable), crowd(2)[:1])


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    folder = tmp_path / "det"
    folder.mkdir()
    (folder / "A.txt").write_text("1,-1,0,0,10,10,0.9,-1,-1,-1\n2,-1,1,0,10,10,0.9,-1,-1,-1\n")
    return folder


def test_every_tracker_is_measured_on_every_load(detections: Path) -> None:
    report = bench_track(detections, rounds=1, objects=(100, 300))
    loads = ["det", "100 objects", "300 objects"]
    assert {(figure.name, figure.unit) for figure in report.figures} == {
        (name, f"{unit}, {load}")
        for name in TRACKERS
        for load in loads
        for unit in ("ms/frame", "tracks/frame")
    }
    found = {(figure.name, figure.unit): figure.median for figure in report.figures}
    assert all(found[name, f"ms/frame, {load}"] > 0 for name in TRACKERS for load in loads)
    assert found["bytetrack", "tracks/frame, det"] == 1
    assert found["sort", "tracks/frame, 100 objects"] > 90


def test_peer_is_compared_with_our_tracker_of_its_kind_in_every_round(
    clone: Path, detections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "peer_python", lambda folder, environment, progress: sys.executable)
    report = bench_track(detections, [reference_sort(clone)], clone, rounds=2, objects=())
    rounds = {(figure.name, figure.unit): figure.rounds for figure in report.figures}
    [(asked, ratio)] = report.ratios
    assert (asked.name, asked.to, asked.unit) == ("reference_sort", "sort", "ms/frame, det")
    theirs, ours = (rounds[name, asked.unit] for name in ("reference_sort", "sort"))
    assert ratio.rounds == tuple(np.divide(theirs, ours))
    assert rounds["reference_sort", "tracks/frame, det"] == (1, 1)


def test_json_holds_the_rounds_behind_the_medians_in_the_table(
    detections: Path, tmp_path: Path
) -> None:
    path = tmp_path / "track.json"
    options = ["--detections", str(detections), "--objects", "0", "--rounds", "4"]
    result = CliRunner().invoke(app, ["bench", "track", *options, "--json", str(path)])
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())["benches"][0]["figures"]
    assert list(dict.fromkeys(figure["name"] for figure in figures)) == list(TRACKERS)
    for figure in figures:
        assert len(figure["rounds"]) == 4
        assert f"{statistics.median(figure['rounds']):.3g}" in result.stdout
    assert "round 4, sort\n" in result.stderr


def test_path_without_detection_files_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, message in (
        ("empty", r"empty has no \.txt or \.txt\.gz file"),
        ("file", "--detections needs a folder of detection files, got .*file"),
        ("nowhere", "--detections needs a folder of detection files, got .*nowhere"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_loads(tmp_path / name, ())


def test_crowds_are_reproducible() -> None:
    first, second = crowd(300), crowd(300)
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
    assert len(first[0][0]) == 300
