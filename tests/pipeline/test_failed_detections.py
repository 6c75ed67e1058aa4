"""A stream whose detection fails is completed as far as it got; others continue."""

import os
import shutil
import signal

import msgspec
import pytest
import zmq

from pipeline.addresses import endpoint
from pipeline.config import RuntimeConfig
from pipeline.reports import Failed
from stages.detector.delayed_detector import delayed
from stages.detector.shipped import find_weights
from stages.result_files import DETECTIONS, TIMES, TRACKS, read_report
from tests.stages.decoder.conftest import write_video
from tests.videos import frames_in
from tools.exporting.formats import export
from tools.harness.material import detections_of, detections_setting, make_clip
from tools.harness.runner import Victim, run_with

SMALL = {"width": 160, "height": 96}  # as in the first part of `growing`


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network for small frames only."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("exported") / "a.onnx"
    [weights] = export(find_weights("nano"), "onnx", path, tuple(SMALL.values()))
    return weights


def truncated(folder, run):
    """Returns the number of frames of truncated results, and the reason."""
    report = read_report(folder)
    frames = report["frames"]["out"]
    assert (report["status"], run.finished[folder.name].frames) == ("truncated", frames)
    assert len((folder / TIMES).read_text().splitlines()) == frames
    assert {DETECTIONS, TRACKS} <= {path.name for path in folder.iterdir()}
    assert not list(folder.glob(".*"))
    return frames, report["message"]


@pytest.mark.parametrize(("mode", "pace"), [("lossless", "fast"), ("live", "original")])
def test_frame_size_the_network_was_not_exported_for_ends_the_stream(
    growing, weights, tmp_path, mode, pace
):
    write_video(tmp_path / "steady.ts", frames=100, **SMALL)
    settings = [f"detector.weights={weights}", f"runtime.mode={mode}", f"decoder.pace={pace}"]
    result = run_with([str(growing), str(tmp_path / "steady.ts")], tmp_path / "out", settings)
    assert (result.exit_code, result.restarts) == (2, {})
    failed = result.failed.pop("growing")
    assert "exported for an input of" in failed
    assert result.failed == {}
    steady = result.finished["steady"]
    assert (steady.frames + steady.dropped, steady.status) == (100, "complete")
    assert steady.dropped == 0 or mode == "live"
    frames, message = truncated(tmp_path / "out" / "growing", result)
    assert 0 < frames <= 40
    assert message == failed
    assert frames_in(tmp_path / "out" / "growing" / "overlay.mp4") == frames


def test_detections_missing_at_a_detector_restart_end_the_stream(tmp_path):
    clip = make_clip(tmp_path / "material", 100)
    found = tmp_path / "found"
    found.mkdir()
    for name in ("north", "south"):
        shutil.copy(detections_of(clip), found / f"{name}.txt")
    times = tmp_path / "out" / "north" / f".{TIMES}.part"

    def harm(victim):
        victim.wait(lambda: times.exists() and times.stat().st_size > 0)
        (found / "north.txt").rename(found / "other.txt")
        os.kill(victim.supervisor.processes()["detector"], signal.SIGKILL)

    settings = [f"detector.detections={delayed(found, 10)}", "sink.overlay=false"]
    sources = [f"{name}={clip}" for name in ("north", "south")]
    result = run_with(sources, tmp_path / "out", settings, harm)
    assert (result.exit_code, result.restarts) == (2, {"detector": 1})
    failed = result.failed.pop("north")
    assert "no file for north" in failed
    assert result.failed == {}
    south = result.finished["south"]
    assert (south.frames, south.status) == (100, "complete")
    frames, message = truncated(tmp_path / "out" / "north", result)
    assert 0 < frames < 100
    assert message == failed


def test_stream_refused_by_several_detectors_fails_once(clip, tmp_path, monkeypatch):
    refusals = [
        Failed("detector", worker=worker, stream="clip", message=message, exit_code=2)
        for worker, message in enumerate(("too large", "still too large"))
    ]
    take, shown, failures = Victim.take, [], []

    def listen(victim, report):
        take(victim, report)
        if isinstance(report, Failed):
            shown.append(report)

    def refuse(victim):
        victim.wait(lambda: victim.frames() >= 20)
        with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
            socket.connect(endpoint(victim.folder, RuntimeConfig(), "control"))
            for refusal in refusals:
                socket.send(msgspec.msgpack.encode(refusal))
        victim.over.wait(60)
        failures.append(dict(victim.supervisor._monitor.counts().failures))

    monkeypatch.setattr(Victim, "take", listen)
    slow = [detections_setting(clip, delay_ms=20), "detector.workers=2", "sink.overlay=false"]
    result = run_with([str(clip)], tmp_path / "out", slow, refuse)
    assert (result.exit_code, dict(result.failed)) == (2, {"clip": "too large"})
    assert (shown, failures) == (refusals[:1], [{"clip": 1}])
    frames, message = truncated(tmp_path / "out" / "clip", result)
    assert 20 <= frames < 150
    assert message == "too large"
