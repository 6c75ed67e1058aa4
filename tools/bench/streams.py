"""Many cameras on one machine, with a stand-in detector."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from stages.errors import SpotStreamError
from stages.result_files import read_report
from stages.wording import counted
from tools.bench.decode import moving_video
from tools.bench.figures import CPU, BenchReport, Ratio, Runner, measure
from tools.bench.processor import cpu_seconds
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import Victim, failure_of_run, run_with

STREAMS = (1, 2, 4, 8)
MEMORY = "MB"
TOO_SHORT = "the video is too short to measure; take one of ten seconds or more"
_SECONDS = 0.5
_CLIP_FRAMES = 250


def bench_streams(
    source: Path | None = None,
    streams: Sequence[int] = STREAMS,
    *,
    delay_ms: float = 5.0,
    rounds: int = 3,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Plays a video at its own pace as several cameras, in live mode and without overlay.

    Args:
        source: Video file; None for a generated one, ten seconds of 960×540.
        streams: Numbers of cameras to measure.
        delay_ms: Time the detector takes for a batch of up to eight frames.
        rounds: Number of rounds, each measuring every number of cameras in turn.
        progress: Called with what is being measured.

    Raises:
        SpotStreamError: A process died, a stream failed, or the video is too short.
    """
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        if source is None:
            progress("making a video")
            source = moving_video(Path(folder), _CLIP_FRAMES, 540, 960)
        runners: dict[str, Runner] = {
            _name(count): partial(_run, source, count, delay_ms) for count in streams
        }
        ratios = [Ratio(_name(count), _name(streams[0]), CPU, limit=1.1) for count in streams[1:]]
        return measure("streams", runners, ratios, rounds=rounds, warm_up=0, progress=progress)


def _name(count: int) -> str:
    return counted(count, "stream")


def _run(source: Path, streams: int, delay_ms: float) -> dict[str, float]:
    """Measures CPU time per frame and memory over all processes, counting shared pages once."""
    samples: list[tuple[int, float, float]] = []

    def watch(victim: Victim) -> None:
        while not victim.over.wait(_SECONDS):
            if victim.is_ready() and victim.frames():
                pids = [*victim.supervisor.processes().values(), os.getpid()]
                used, memory = sum(map(cpu_seconds, pids)), sum(map(proportional_megabytes, pids))
                samples.append((victim.frames(), used, memory))

    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        clip = make_clip(Path(folder), _CLIP_FRAMES)
        output = Path(folder) / "out"
        settings = [
            detections_setting(clip, delay_ms=delay_ms),
            "detector.batch_size=8",
            "decoder.pace=original",
            "runtime.mode=live",
            f"runtime.parallel_streams={streams}",
            "sink.overlay=false",
        ]
        result = run_with([str(source)] * streams, output, settings, watch)
        if result.exit_code:
            raise failure_of_run(result)
        reports = [read_report(output / name) for name in result.finished]
    if not samples:
        raise SpotStreamError(TOO_SHORT)
    # Towards the end, streams finish and their decoders exit, taking their CPU times with them.
    steady = [each for each in samples if each[2] >= 0.97 * max(sample[2] for sample in samples)]
    (first, before, _), (last, after, _) = steady[0], steady[-1]
    if last <= first:
        raise SpotStreamError(TOO_SHORT)
    return {
        CPU: (after - before) / (last - first) * 1e3,
        MEMORY: max(memory for _, _, memory in samples),
        "dropped": float(sum(report["dropped"]["total"] for report in reports)),
        **{
            f"{name} ms": max(float(report["latency_ms"][name]) for report in reports)
            for name in ("p50", "p99")
        },
    }


def proportional_megabytes(pid: int) -> float:
    """Returns the memory of a process in MB (0 if it is gone); a page shared by n counts 1/n."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
