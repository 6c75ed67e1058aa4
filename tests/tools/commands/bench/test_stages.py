from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tools.bench.figures import BenchReport
from tools.main import app


@pytest.mark.parametrize(
    ("found", "options", "is_reported"),
    [(None, [], True), (None, ["--peers", "p"], False), ("/usr/bin/ffmpeg", [], False)],
)
@pytest.mark.parametrize("command", ["decode", "all"])
def test_a_missing_ffmpeg_program_is_reported(monkeypatch, command, found, options, is_reported):
    monkeypatch.setattr("tools.bench.decode.shutil.which", lambda name: found)
    report = BenchReport("decode", ())
    monkeypatch.setattr("tools.bench.decode.bench_decode", lambda *_, **__: report)
    monkeypatch.setattr("tools.bench.everything.bench_all", lambda *_, **__: [report])
    done = CliRunner().invoke(app, ["bench", command, *options])
    assert done.exit_code == 0
    assert ("no ffmpeg program" in done.stderr) == is_reported
    assert ("--peers DIR" in done.stderr) == is_reported


@pytest.mark.parametrize(("command", "name"), [("decode", ""), ("pipeline", "a="), ("all", "")])
def test_a_video_that_opencv_cannot_decode_is_reported(monkeypatch, av1_video, command, name):
    monkeypatch.setattr("tools.bench.decode.shutil.which", lambda name: "/usr/bin/ffmpeg")
    report = BenchReport(command, ())
    for run in ("decode.bench_decode", "pipeline.bench_pipeline"):
        monkeypatch.setattr(f"tools.bench.{run}", lambda *_, **__: report)
    monkeypatch.setattr("tools.bench.everything.bench_all", lambda *_, **__: [report])
    done = CliRunner().invoke(app, ["bench", command, "--source", f"{name}{av1_video}"])
    assert f"OpenCV cannot decode {av1_video}: it is left out" in done.stderr


@pytest.mark.parametrize("regions", ["{}", '{"*": [0, 0, 64, 64]}'])
def test_opencv_loop_that_regions_leave_out_is_reported(monkeypatch, regions):
    report = BenchReport("pipeline", ())
    monkeypatch.setattr("tools.bench.pipeline.bench_pipeline", lambda *_, **__: report)
    command = ["bench", "pipeline", "--set", f"detector.regions={regions}"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert ("loop lacks detector.regions: it is left out" in done.stderr) == (regions != "{}")
