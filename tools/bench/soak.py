"""Memory and file descriptors of every process over a long run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.harness.material import detections_of, make_clip
from tools.harness.runner import Victim, run_with

_SECONDS = 1.0
_WARM_SHARE = 0.3  # fraction of the run during which pools and caches fill


@dataclass(frozen=True, slots=True)
class Soak:
    """Growth over a long run.

    Attributes:
        frames: Number of frames written.
        slopes: Memory growth of each process in MB per 100,000 frames.
        descriptors: Growth of each process in file descriptors.
    """

    frames: int
    slopes: dict[str, float]
    descriptors: dict[str, int]


def bench_soak(
    frames: int, *, overlay: bool, progress: Callable[[str], None] = lambda what: None
) -> Soak:
    """Sends ``frames`` small frames through the four processes and monitors them.

    Args:
        frames: Number of frames.
        overlay: Whether the overlay is written, too.
        progress: Called with what is being measured.
    """
    samples: list[tuple[int, dict[str, float], dict[str, int]]] = []

    def watch(victim: Victim) -> None:
        while not victim.over.wait(_SECONDS):
            if victim.is_ready():
                memory, descriptors = _look(victim)
                samples.append((victim.frames(), memory, descriptors))
                progress(f"soak: {victim.frames()} of {frames} frames")

    with tempfile.TemporaryDirectory(prefix="spotstream-soak-") as folder:
        progress("making a video")
        clip = make_clip(Path(folder), frames, 48, 64)
        settings = [
            f"detector.detections={detections_of(clip)}",
            f"sink.overlay={str(overlay).lower()}",
            "sink.overlay_minutes=10",
        ]
        result = run_with([str(clip)], Path(folder) / "out", settings, watch)
    done = sum(summary.frames for summary in result.finished.values())
    steady = [sample for sample in samples if sample[0] > _WARM_SHARE * frames]
    at = [sample[0] / 100_000 for sample in steady]
    slopes = {
        name: float(np.polyfit(at, [memory[name] for _, memory, _ in steady], 1)[0])
        for name in steady[0][1]
    }
    first, last = steady[0][2], steady[-1][2]
    return Soak(done, slopes, {name: last[name] - count for name, count in first.items()})


def _look(victim: Victim) -> tuple[dict[str, float], dict[str, int]]:
    """Returns the anonymous resident memory of each process in MB, and its descriptor count."""
    processes = victim.supervisor.processes() | {"supervisor": os.getpid()}
    memory, descriptors = {}, {}
    for name, pid in processes.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = dict(line.split(":", 1) for line in lines)
        memory[name] = int(values["RssAnon"].split()[0]) / 1024
        descriptors[name] = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return memory, descriptors
