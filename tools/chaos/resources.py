"""Shortages of what a pipeline needs: time, disk, shared memory."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from stages.detector.delayed_detector import delayed
from stages.errors import SpotStreamError
from stages.result_files import DETECTIONS, REPORT, TIMES, TRACKS, read_report
from tools.chaos.outcome import Outcome
from tools.harness.material import NAME, RATE, detections_of, make_clip
from tools.harness.runner import Victim, run_command, run_with

_NO_MOUNT = 77


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
            f"detector.detections={delayed(detections_of(clip), delay)}",
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
    """The sink's files cannot grow, as on a full disk: one error line, no partial results.

    The rows written so far are completed; the overlay is removed to make room for them.
    """
    clip = make_clip(folder, 2000)
    said = ""

    def harm(victim: Victim) -> None:
        victim.wait_for_frames()
        sink = victim.supervisor.processes()["sink"]
        resource.prlimit(sink, resource.RLIMIT_FSIZE, (20_000, 20_000))

    try:
        run_with([str(clip)], folder / "disk", [f"detector.detections={detections_of(clip)}"], harm)
    except SpotStreamError as error:
        said = str(error).replace(f"{folder}/", "")
    left = {path.name for path in (folder / "disk").rglob("*") if path.is_file()}
    return Outcome(
        1,
        f"{said or 'nothing was said'}; {', '.join(sorted(left)) or 'nothing'} left",
        bool(said) and left == {TRACKS, DETECTIONS, TIMES, REPORT},
    )


def full_shared_memory(folder: Path) -> Outcome:
    """``/dev/shm`` has only one page, the minimum: frames do not need it."""
    clip = make_clip(folder, 50)
    output = folder / "shm"
    command = run_command(clip, output, f"detector.detections={detections_of(clip)}")
    script = 'mount -t tmpfs -o size=4k tmpfs /dev/shm || exit 77\n"$@"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _NO_MOUNT or "unshare:" in done.stderr:
        return Outcome(0, "no file system can be mounted here", None)
    if done.returncode:
        return Outcome(1, done.stderr.strip(), False)
    frames = read_report(output / NAME)["frames"]["out"]
    return Outcome(1, f"{frames} of 50 frames", frames == 50)
