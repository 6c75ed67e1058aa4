"""Stages that die repeatedly, however long their start takes, or only now and then."""

import os
import shutil
import signal

import pytest

from pipeline.config_file import load_config
from pipeline.supervision import restarts
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import expand_sources
from stages.errors import SpotStreamError
from stages.result_files import read_report
from tests.pipeline.disturbed import kill
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

SMALL_DEVICE = """
from stages.detector.file_detector import FileDetector

detect = FileDetector.detect

def run_out(self, frames):
    if frames[0].header.index >= {first}:
        raise RuntimeError("out of memory")
    return detect(self, frames)

FileDetector.detect = run_out
"""


@pytest.fixture
def slow_starts(monkeypatch):
    """Makes the deaths of a process count as more than a minute apart."""
    monkeypatch.setattr(restarts, "_MINUTE", 0.0)


@pytest.mark.usefixtures("slow_starts")
@pytest.mark.parametrize(("mode", "first"), [("lossless", 20), ("live", 1)])
def test_detector_that_dies_on_the_same_frame_each_time_ends_the_run(
    tmp_path, in_workers, mode, first
):
    clip = make_clip(tmp_path / "material", 50)
    in_workers(SMALL_DEVICE.format(first=first))
    most, reports = 2, []
    config = load_config(
        None,
        [
            detections_setting(clip),
            "sink.overlay=false",
            f"runtime.mode={mode}",
            f"runtime.restarts_per_minute={most}",
        ],
    )
    results = ResultFolders(expand_sources([str(clip)]), tmp_path / "out", config, overwrite=False)
    supervisor = Supervisor(results, config, reports.append)
    with pytest.raises(SpotStreamError, match=r"failed: .*out of memory; started again"):
        supervisor.run()
    assert most <= supervisor.result.restarts["detector"] <= most + 1
    report = read_report(tmp_path / "out" / "clip")
    assert (report["status"], report["frames"]["out"]) == ("truncated", first)


@pytest.mark.usefixtures("slow_starts")
def test_stage_killed_now_and_then_continues_if_frames_get_through(clip, tmp_path):
    more = (
        detections_setting(clip, delay_ms=8),
        "sink.overlay=false",
        "runtime.restarts_per_minute=1",
    )
    harm = kill(*["detector"] * 4, at=[20, 50, 80, 110])
    result = run_with([str(clip)], tmp_path / "out", more, harm)
    assert result.restarts == {"detector": 4}
    assert (result.exit_code, result.finished["clip"].frames) == (0, 150)


def sweep_and_kill(name):
    """Removes the run's folder and kills a process; stops the run if it does not end then."""

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40)
        shutil.rmtree(victim.folder)
        os.kill(victim.supervisor.processes()[name], signal.SIGKILL)
        if not victim.over.wait(60):
            victim.supervisor.stop()
            victim.supervisor.stop()

    return harm


def test_stage_death_after_the_run_folder_was_removed_ends_the_run(clip, tmp_path):
    reason = r"^the detector was killed by signal 9.*; it cannot be replaced: .* was removed"
    with pytest.raises(SpotStreamError, match=f"{reason}; set TMPDIR"):
        run_with(
            [str(clip)],
            tmp_path / "out",
            [detections_setting(clip, delay_ms=8)],
            sweep_and_kill("detector"),
        )
    assert (tmp_path / "out" / "clip" / ".mot.txt.part").stat().st_size


def test_decoder_death_after_the_run_folder_was_removed_ends_its_stream(clip, tmp_path):
    sources = [f"{name}={clip}" for name in "xy"]
    harm = sweep_and_kill("decoder of x")
    result = run_with(sources, tmp_path / "out", [detections_setting(clip, delay_ms=8)], harm)
    assert result.exit_code == 1
    assert "was removed; set TMPDIR" in result.failed["x"]
    assert {name: end.status for name, end in result.finished.items()} == {
        "x": "truncated",
        "y": "complete",
    }
