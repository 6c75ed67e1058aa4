"""A stream whose folder cannot be written fails alone; the other one is completed."""

import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from stages.result_files import read_report
from tests.videos import frames_in
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_command, run_with

FRAMES = 150  # of the clip


def settings(clip, mode):
    pace = "original" if mode == "live" else "fast"
    return detections_setting(clip, delay_ms=8), f"runtime.mode={mode}", f"decoder.pace={pace}"


def run_both(clip, output, mode, harm=lambda victim: None):
    return run_with([f"{name}={clip}" for name in "xy"], output, settings(clip, mode), harm)


def assert_is_complete(folder, least=FRAMES / 2):
    report = read_report(folder)
    assert report["status"] == "complete"
    frames = report["frames"]["out"]
    assert frames >= least
    assert frames_in(folder / "overlay.mp4") == frames
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(("mode", "is_kept"), [("live", False), ("lossless", True)])
def test_folder_removed_or_moved_fails_only_its_stream(clip, tmp_path, mode, is_kept):
    out, kept = tmp_path / "out", tmp_path / "kept"
    decoder_ends = []

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 30)
        if is_kept:
            (out / "x").rename(kept)
        else:
            shutil.rmtree(out / "x", ignore_errors=True)
            shutil.rmtree(out / "x", ignore_errors=True)  # what was written meanwhile
        processes = victim.supervisor.processes
        decoder_ends.append(victim.wait(lambda: "decoder of x" not in processes()))

    result = run_both(clip, out, mode, harm)
    reason = f"cannot write {out / 'x'}: the folder was removed or moved away"
    assert (result.exit_code, result.failed) == (4, {"x": reason})
    assert result.restarts == {}
    assert decoder_ends == [True]
    assert result.finished.keys() == {"y"}
    assert_is_complete(out / "y")
    assert not (out / "x").exists()
    if is_kept:
        assert len((kept / ".mot.txt.part").read_text().splitlines()) > 30


@pytest.mark.parametrize("mode", ["live", "lossless"])
def test_folder_moved_from_under_a_dead_sink_fails_only_its_stream(clip, tmp_path, mode):
    """Its successor finds no results to continue, and no stage sends those frames again."""
    out = tmp_path / "out"

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 30)
        sink = victim.supervisor.processes()["sink"]
        os.kill(sink, signal.SIGSTOP)  # so that neither it nor a successor acts earlier
        victim.wait(lambda: ") T " in Path(f"/proc/{sink}/stat").read_text())
        (out / "x").rename(tmp_path / "kept")
        os.kill(sink, signal.SIGKILL)

    result = run_both(clip, out, mode, harm)
    reason = f"cannot write {out / 'x'}: the folder was removed or moved away"
    assert (result.exit_code, result.failed) == (4, {"x": reason})
    assert result.restarts == {"sink": 1}
    assert_is_complete(out / "y")


def test_folder_that_cannot_be_made_is_reported_once(clip, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "x").symlink_to(tmp_path / "not mounted" / "disk")
    command = run_command(f"x={clip}", out, *settings(clip, "lossless"))
    done = subprocess.run(
        [*command, "--source", f"y={clip}"], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.count("x: cannot write") == done.stderr.count("cannot write") == 1
    assert f"{out / 'x'}: file exists" in done.stderr
    assert_is_complete(out / "y")


def test_full_disk_of_one_stream_fails_only_that_stream(clip, tmp_path, full_disk):
    out = tmp_path / "out"
    out.mkdir()
    (out / "x").symlink_to(full_disk)
    result = run_both(clip, out, "lossless")
    assert result.exit_code == 4
    assert "no space left on device; free some" in result.failed["x"]
    assert result.finished.keys() == {"y"}
    assert_is_complete(out / "y")
    assert (full_disk / ".mot.txt.part").stat().st_size > 0
    assert not any(path.stat().st_size for path in full_disk.glob(".overlay*"))


def test_file_size_limit_fails_only_the_stream_that_exceeds_it(clip, tmp_path):
    out, short = tmp_path / "out", make_clip(tmp_path / "short", 20)

    def harm(victim):
        victim.wait(victim.is_ready)
        sink = victim.supervisor.processes()["sink"]
        resource.prlimit(sink, resource.RLIMIT_FSIZE, (60_000, 60_000))

    given = detections_setting(clip, delay_ms=8), "sink.overlay_crf=0"
    result = run_with([f"x={clip}", f"y={short}"], out, given, harm)
    reason = "file too large; the file system, or ulimit -f, allows no larger file"
    assert result.exit_code == 4
    assert reason in result.failed["x"]
    assert result.finished.keys() == {"y"}
    assert_is_complete(out / "y", 20)
