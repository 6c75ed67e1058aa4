"""The program is upgraded in place while a run goes on."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

import pipeline
import pipeline.supervision.stage_processes
import pipeline.supervision.supervisor
from pipeline.supervision.commands import add_stream, find_run
from stages.errors import ConfigError, SpotStreamError
from stages.result_files import read_report
from tools.harness.material import detections_setting
from tools.harness.runner import SPOTSTREAM, run_with

UPGRADED = "SpotStream 1.0 was replaced by 1.1 under this run: start it again"
REMOVED = "SpotStream 1.0 was removed under this run"


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Returns a function that sets the installed release, "" for none; it is 1.0 at first."""
    record = tmp_path / "site" / "spotstream-1.dist-info" / "METADATA"
    record.parent.mkdir(parents=True)
    root = Path(pipeline.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{root}")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def install(version):
        record.write_text(f"Metadata-Version: 2.1\nName: spotstream\nVersion: {version}\n")

    install("1.0")
    return install


@pytest.fixture
def upgraded_run(clip, tmp_path, release):
    """Runs until 20 frames are written, upgrades, calls ``harm``; returns the outcome, notices."""

    def run(harm, *settings, to="1.1"):
        notices = []

        def upgrade(victim):
            victim.wait(lambda: victim.frames() >= 20)
            release(to)
            harm(victim)
            victim.over.wait(60)
            notices.extend(victim.notices)

        slow = [detections_setting(clip, delay_ms=8), *settings]
        try:
            return run_with([str(clip)], tmp_path / "out", slow, upgrade), notices
        except SpotStreamError as error:
            return error, notices

    return run


def kill(name):
    return lambda victim: os.kill(victim.supervisor.processes()[name], signal.SIGKILL)


def report_of(output):
    report = read_report(output / "clip")
    files = {path.name for path in (output / "clip").iterdir()}
    assert files == {"mot.txt", "detections.txt", "times.txt", "overlay.mp4", "run.json"}
    assert report["versions"]["spotstream"] == "1.0"
    return report


@pytest.mark.parametrize("mode", ["lossless", "live"])
@pytest.mark.parametrize("name", ["detector", "tracker", "decoder of clip"])
def test_stage_death_after_an_upgrade_ends_the_run(upgraded_run, tmp_path, name, mode):
    error, notices = upgraded_run(kill(name), f"runtime.mode={mode}", "decoder.pace=original")
    assert str(error) == UPGRADED
    assert [line.partition(" was killed")[0] for line in notices] == [f"the {name}"]
    report = report_of(tmp_path / "out")
    assert report["status"] == "truncated"
    assert report["frames"]["out"] >= 20


def test_part_files_of_a_dead_sink_are_completed_by_their_release(upgraded_run, tmp_path, release):
    error, notices = upgraded_run(kill("sink"))
    assert str(error) == UPGRADED
    assert [line.partition(" was killed")[0] for line in notices] == ["the sink"]
    command = [*SPOTSTREAM, "complete", str(tmp_path / "out")]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert (refused.returncode, "SpotStream 1.0: use that one" in refused.stderr) == (4, True)
    release("1.0")
    subprocess.run(command, check=True, capture_output=True)
    assert report_of(tmp_path / "out")["frames"]["out"] >= 20


def test_no_stream_can_be_added_and_the_others_continue(upgraded_run, clip, tmp_path):
    def add(victim):
        with pytest.raises(ConfigError, match=f"^{UPGRADED}$"):
            add_stream(find_run(os.getpid()), clip, "other")

    result, notices = upgraded_run(add)
    assert (result.exit_code, notices) == (0, [])
    assert report_of(tmp_path / "out")["status"] == "complete"


def test_stage_restart_waits_while_the_program_is_being_replaced(
    upgraded_run, clip, tmp_path, release
):
    def replace(victim):
        kill("detector")(victim)
        victim.wait(lambda: victim.supervisor.states()["detector"] == "waiting")
        with pytest.raises(ConfigError, match=f"^{REMOVED}$"):
            add_stream(find_run(os.getpid()), clip, "other")
        release("1.0")

    result, notices = upgraded_run(replace, to="")
    assert (result.exit_code, len(notices), result.restarts) == (0, 1, {"detector": 1})
    assert report_of(tmp_path / "out")["status"] == "complete"


def test_stage_death_after_the_program_was_removed_ends_the_run(
    upgraded_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(pipeline.supervision.stage_processes, "_REPLACING_SECONDS", 0.5)
    error, notices = upgraded_run(kill("detector"), to="")
    assert (str(error), len(notices)) == (REMOVED, 1)
    assert report_of(tmp_path / "out")["status"] == "truncated"


def test_overdue_run_is_completed_by_its_own_sink(upgraded_run, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline.supervision.supervisor, "_DRAIN_SECONDS", 0.5)

    def stick(victim):
        os.kill(victim.supervisor.processes()["detector"], signal.SIGSTOP)
        victim.supervisor.stop()

    result, notices = upgraded_run(stick)
    assert (result.exit_code, len(notices)) == (130, 1)
    assert report_of(tmp_path / "out")["frames"]["out"] == result.finished["clip"].frames >= 20
