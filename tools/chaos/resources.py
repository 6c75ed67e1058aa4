"""Shortages of what a pipeline needs: time, disk, shared memory."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from stages.errors import OutputError
from stages.result_files import DETECTIONS, REPORT, TIMES, TRACKS, read_report
from tools.chaos.outcome import Outcome
from tools.harness.material import NAME, RATE, detections_setting, make_clip
from tools.harness.runner import run_command, run_with

_CANNOT_MOUNT = 77
_NO_MOUNT = "no file system can be mounted here"


def slow_detector(folder: Path, frames: int) -> Outcome:
    """A detector ten times slower than the camera: latency must stay under three detections.

    The median is judged: few frames pass, and a busy machine may delay one of them.
    """
    clip = make_clip(folder, frames)
    delay = 10 * 1000 // RATE
    run_with(
        [str(clip)],
        folder / "slow",
        [
            detections_setting(clip, delay_ms=delay),
            "decoder.pace=original",
            "runtime.mode=live",
            "runtime.in_flight=2",
        ],
    )
    report = read_report(folder / "slow" / NAME)
    median, p99 = (report["latency_ms"][name] for name in ("p50", "p99"))
    missing = report["frames"]["missing"]
    return Outcome(
        1,
        f"{delay} ms a detection, {1000 // RATE} ms a frame: latency {median:.0f} ms (median), "
        f"{p99:.0f} ms (p99); of {frames} frames {report['dropped']['total']} dropped and "
        f"reported, {missing} missing",
        median < 3 * delay and not missing,
    )


def full_disk(folder: Path) -> Outcome:
    """The disk of the results fills up: one error line, no partial results.

    The rows written so far are completed; the overlay is removed to make room for them.
    """
    clip = make_clip(folder, 2000)
    disk = folder / "disk"
    disk.mkdir()
    done = _run_on_mount(clip, disk, disk, "256k")
    if done is None:
        return Outcome(0, _NO_MOUNT, None)
    error_line = done.stderr.strip().rpartition("\n")[2].replace(f"{folder}/", "")
    left = {Path(path).name for path in done.stdout.splitlines()}
    return Outcome(
        1,
        f"{error_line or 'no message'}; {', '.join(sorted(left)) or 'nothing'} left",
        done.returncode == OutputError.exit_code and left == {TRACKS, DETECTIONS, TIMES, REPORT},
    )


def full_shared_memory(folder: Path) -> Outcome:
    """``/dev/shm`` has only one page, the minimum: frames do not need it."""
    clip = make_clip(folder, 50)
    output = folder / "shm"
    done = _run_on_mount(clip, output, Path("/dev/shm"), "4k")
    if done is None:
        return Outcome(0, _NO_MOUNT, None)
    if done.returncode:
        return Outcome(1, done.stderr.strip(), False)
    frames = read_report(output / NAME)["frames"]["out"]
    return Outcome(1, f"{frames} of 50 frames", frames == 50)


def _run_on_mount(
    clip: Path, output: Path, mount: Path, size: str
) -> subprocess.CompletedProcess[str] | None:
    """Runs the command with a file system of ``size`` at ``mount``; lists its files on stdout.

    Returns None if this user may not mount one.
    """
    script = (
        f"mount -t tmpfs -o size={size} tmpfs {shlex.quote(str(mount))} || exit {_CANNOT_MOUNT}\n"
        f'"$@" >&2; code=$?; find {shlex.quote(str(mount))} -type f; exit $code'
    )
    command = run_command(clip, output, detections_setting(clip))
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    failed = done.returncode == _CANNOT_MOUNT or "unshare:" in done.stderr
    return None if failed else done
