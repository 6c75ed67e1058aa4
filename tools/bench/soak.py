"""Memory and file descriptors of every process over a long run or many reconnects."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stages.errors import SourceError, SpotStreamError
from tools.bench.figures import BenchReport, Figure
from tools.harness.material import detections_setting, make_clip
from tools.harness.rtsp import Server, Wire, available
from tools.harness.runner import Victim, failure_of_run, run_with

_SECONDS = 1.0
_WARM_SHARE = 0.3  # fraction of the run during which pools and caches fill

# Frames or reconnects so far, memory in MB by process, number of descriptors by process.
_Sample: TypeAlias = tuple[int, dict[str, float], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Soak:
    """Growth over a long run.

    Attributes:
        count: Number of frames written, or of reconnects.
        slopes: Memory growth of each process in MB per 100,000 frames, or per 1,000 reconnects.
        descriptors: Growth in open file descriptors of each process.
        of: Unit of the count.
        unit: Unit of the slopes.
    """

    count: int
    slopes: dict[str, float]
    descriptors: dict[str, int]
    of: str = "frames"
    unit: str = "MB per 100,000 frames"

    def report(self) -> BenchReport:
        """Returns everything as figures of one round."""
        figures = [Figure("run", self.of, (self.count,))]
        for name, slope in self.slopes.items():
            figures.append(Figure(name, self.unit, (slope,)))
            figures.append(Figure(name, "descriptors", (self.descriptors[name],)))
        return BenchReport("soak", tuple(figures))


def bench_soak(frames: int, *, progress: Callable[[str], None] = lambda what: None) -> Soak:
    """Sends ``frames`` small frames through the four processes and monitors them.

    Args:
        frames: Number of frames.
        progress: Called with what is being measured.

    Raises:
        SpotStreamError: The run failed.
    """
    samples: list[_Sample] = []

    def watch(victim: Victim) -> None:
        while not victim.over.wait(_SECONDS):
            if victim.is_ready():
                samples.append((victim.frames(), *_usage(victim)))
                progress(f"soak: {victim.frames()} of {frames} frames")

    with tempfile.TemporaryDirectory(prefix="spotstream-soak-") as folder:
        progress("making a video")
        clip = make_clip(Path(folder), frames, 48, 64)
        settings = [detections_setting(clip), "sink.overlay_minutes=10"]
        result = run_with([str(clip)], Path(folder) / "out", settings, watch)
    if result.exit_code:
        raise failure_of_run(result)
    done = sum(summary.frames for summary in result.finished.values())
    return _growth(samples, done, per=100_000)


def soak_reconnects(times: int, *, progress: Callable[[str], None] = lambda what: None) -> Soak:
    """Repeatedly cuts the connection to an RTSP camera and monitors all processes.

    The stream is recorded, and its text files and overlay are written in parts, the oldest of which
    are removed.

    Args:
        times: Number of cuts.
        progress: Called with what is being measured.

    Raises:
        SourceError: GStreamer's RTSP server is not installed.
        SpotStreamError: The run failed, or the stream did not come back.
    """
    if not available():
        raise SourceError("GStreamer's RTSP server is not here; docs/install.md names its packages")
    samples: list[_Sample] = []

    def watch(victim: Victim) -> None:
        victim.wait_for_frames()
        for number in range(1, times + 1):
            if not _reconnects(victim, wire):
                break
            samples.append((number, *_usage(victim)))
            progress(f"soak: {number} of {times} reconnects")
        victim.supervisor.stop()

    with (
        tempfile.TemporaryDirectory(prefix="spotstream-soak-") as folder,
        Server() as server,
        Wire(server.port) as wire,
    ):
        settings = [
            detections_setting(make_clip(Path(folder), 5)),
            *(f"sink.{kind}_minutes=0.1" for kind in ("overlay", "text")),
            *(f"sink.{kind}_gigabytes=0.001" for kind in ("overlay", "text")),
            f"decoder.record={folder}/recording",
            "decoder.record_minutes=0.1",
            "decoder.record_gigabytes=0.001",
        ]
        source = f"rtsp://127.0.0.1:{wire.port}/live"
        result = run_with([source], Path(folder) / "out", settings, watch)
    if result.failed:
        raise failure_of_run(result)
    if len(samples) < times:
        raise SpotStreamError(f"the stream did not come back after {len(samples) + 1} cuts")
    growth = _growth(samples, times, per=1000)
    return replace(growth, of="reconnects", unit="MB per 1,000 reconnects")


def _reconnects(victim: Victim, wire: Wire) -> bool:
    """Cuts the connection; returns whether frames arrive through a new one."""
    before = wire.connections
    wire.cut()
    return victim.wait(lambda: wire.connections > before) and victim.wait_for_frames() is not None


def _growth(samples: Sequence[_Sample], count: int, *, per: int) -> Soak:
    steady = [sample for sample in samples if sample[0] > _WARM_SHARE * count]
    at = [sample[0] / per for sample in steady]
    slopes = {
        name: float(np.polyfit(at, [memory[name] for _, memory, _ in steady], 1)[0])
        for name in steady[0][1]
    }
    first, last = steady[0][2], steady[-1][2]
    return Soak(count, slopes, {name: last[name] - before for name, before in first.items()})


def _usage(victim: Victim) -> tuple[dict[str, float], dict[str, int]]:
    """Returns the anonymous resident memory of each process in MB, and its descriptor count."""
    processes = victim.supervisor.processes() | {"supervisor": os.getpid()}
    memory, descriptors = {}, {}
    for name, pid in processes.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = dict(line.split(":", 1) for line in lines)
        memory[name] = int(values["RssAnon"].split()[0]) / 1024
        descriptors[name] = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return memory, descriptors
