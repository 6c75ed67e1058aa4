"""Many cameras on one machine, with a stand-in for the detector."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.chaos.material import detections_of, make_clip
from tools.chaos.runner import run_with


@dataclass(frozen=True, slots=True)
class StreamBench:
    """How one stream fared.

    Attributes:
        stream: Its name.
        frames: Frames written.
        dropped: Frames dropped.
        latency_ms: Capture to results: p50, p95, p99.
    """

    stream: str
    frames: int
    dropped: int
    latency_ms: dict[str, float]


def bench_streams(source: Path, streams: int, delay_ms: float) -> list[StreamBench]:
    """Plays a video as so many cameras at its own pace, in live mode and without overlay.

    Args:
        source: The video.
        streams: How many cameras.
        delay_ms: How long the detector takes for a batch of up to eight frames.
    """
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        made = make_clip(Path(folder), 250)
        output = Path(folder) / "out"
        settings = [
            f"detector.detections={detections_of(made)}",
            f"detector.delay_ms={delay_ms}",
            "detector.batch_size=8",
            "decoder.pace=original",
            "runtime.mode=live",
            f"runtime.parallel_streams={streams}",
            "sink.overlay=false",
        ]
        result = run_with([str(source)] * streams, output, settings)
        reports = [json.loads((output / n / "run.json").read_text()) for n in result.finished]
    return [
        StreamBench(
            report["stream"],
            report["frames"]["out"],
            report["dropped"]["total"],
            report["latency_ms"],
        )
        for report in reports
    ]
