"""Runs and streams that end after a permanent failure, and the results that they leave."""

import contextlib
import io

import pytest
from rich.console import Console

from pipeline.config_file import load_config
from pipeline.reports import Progress
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.atomic import file_size
from stages.decoder.locations import expand_sources
from stages.errors import OutputError, SpotStreamError
from stages.result_files import read_report
from tests.pipeline.disturbed import (
    held_back,
    kill,
    overlay_frames,
    settings,
    texts_in,
    times_in,
    tracks_in,
)
from tools.harness.material import detections_setting
from tools.harness.runner import Victim, run_with
from tools.running.progress import ProgressView


def test_stage_that_dies_too_often_ends_the_run(clip, tmp_path):
    more = (detections_setting(clip, delay_ms=20), "runtime.restarts_per_minute=1")
    harm = kill("tracker", "tracker", at=[20, 40])
    with pytest.raises(SpotStreamError, match="tracker was killed by signal 9") as error:
        run_with([str(clip)], tmp_path, settings(clip, *more), harm)
    assert "started again 1 time before; not finished: clip" in str(error.value)
    report = read_report(tmp_path / "clip")
    assert report["status"] == "truncated"
    assert report["message"] == str(error.value)
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] >= 40
    assert not [path for path in (tmp_path / "clip").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("mode", ["lossless", "live"])
def test_decoder_that_dies_too_often_ends_only_its_stream(clip, tmp_path, mode, monkeypatch):
    reports, take = [], Victim.take

    def listen(victim, report):
        reports.append(report)
        take(victim, report)

    monkeypatch.setattr(Victim, "take", listen)
    more = ("runtime.restarts_per_minute=1", *held_back(clip, mode, 10))
    harm = kill("decoder of clip", "decoder of clip", at=[40, 80])
    result = run_with([str(clip)] * 2, tmp_path, settings(clip, *more), harm)
    assert result.exit_code == 1
    assert "the decoder of clip was killed by signal 9" in result.failed["clip"]
    output = io.StringIO()
    view = ProgressView(Console(file=output))
    for report in reports:
        view.show(report)
    assert output.getvalue().count(result.failed["clip"]) == 1
    assert "clip" in view.failed
    other = result.finished["clip-2"]
    assert (other.status, other.frames + other.dropped) == ("complete", 150)
    report = read_report(tmp_path / "clip")
    assert (report["status"], report["frames"]["missing"]) == ("truncated", 0)
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] > 0


def test_results_are_completed_if_an_error_ends_the_supervisor(clip, tmp_path):
    def show(report):
        if isinstance(report, Progress) and report.frames >= 40:
            raise OSError("the view is broken")

    config = load_config(None, settings(clip, detections_setting(clip, delay_ms=8)))
    results = ResultFolders(expand_sources([str(clip)]), tmp_path, config, overwrite=False)
    supervisor = Supervisor(results, config, show)
    with pytest.raises(OSError, match="the view is broken"):
        supervisor.run()
    report = read_report(tmp_path / "clip")
    assert (report["status"], report["message"]) == ("truncated", "OSError: the view is broken")
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] >= 30


@pytest.mark.parametrize("full_disk", ["1m"], indirect=True)
@pytest.mark.parametrize("minutes", [0, 0.5 / 60])
@pytest.mark.parametrize("mode", ["lossless", "live"])
def test_full_disk_loses_overlay_frames_but_no_rows(clip, full_disk, mode, minutes):
    def frees_room():
        """Whether an unfinished overlay part has a page; one that has only begun hardly does."""
        parts = (full_disk / "clip").glob(".overlay*.part")
        return any(file_size(part) >= 4096 for part in parts)

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40 and frees_room())
        with contextlib.suppress(OSError):
            (full_disk / "ballast").write_bytes(bytes(2**20))

    paced = (*held_back(clip, mode), f"sink.overlay_minutes={minutes}")
    with pytest.raises(OutputError, match="no space left"):
        run_with([str(clip)], full_disk, settings(clip, *paced), harm)
    folder = full_disk / "clip"
    report = read_report(folder)
    assert report["status"] == "truncated"
    assert "no space left" in report["message"]
    assert report["frames"]["out"] >= 40
    rows = tracks_in(folder)
    assert int(rows[-1][0]) >= 40
    assert len(times_in(folder)) == report["frames"]["out"]
    overlays = {path.name for path in folder.glob("overlay*.mp4")}  # parts that were finished
    assert bool(overlays) == bool(minutes)
    shown = overlay_frames(folder) if overlays else 0
    assert report["frames"]["left_out_of_overlay"] == report["frames"]["out"] - shown
    assert {path.name for path in folder.iterdir()} == {*texts_in(folder), "run.json"} | overlays
