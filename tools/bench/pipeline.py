"""``spotstream bench pipeline``: the four processes against one that does the same in a loop."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np

from pipeline.config import RunConfig
from pipeline.detector_worker import build_detector
from pipeline.process import ENVIRONMENT
from pipeline.sink_worker import sink_options
from pipeline.supervisor import Supervisor
from stages.decoder.source import FrameSelection
from stages.decoder.sources import SourceSpec, expand_sources, open_source
from stages.errors import SourceError
from stages.records import EndOfStream, Frame, StreamStart, UInt8Array
from stages.sink.stream_sink import StreamSink
from stages.tracker import TrackerStage


@dataclass(frozen=True, slots=True)
class PipelineBench:
    """Sustained frames per second, start-up left out, of each round."""

    four_processes: tuple[float, ...]
    one_loop: tuple[float, ...]
    frames: int

    @property
    def ratio(self) -> float:
        """Median over the rounds of four processes to one loop."""
        pairs = zip(self.four_processes, self.one_loop, strict=True)
        return statistics.median(four / one for four, one in pairs)


class LoopPlan(msgspec.Struct, frozen=True):
    """What the process that runs the loop is told."""

    config: dict[str, object]
    name: str
    location: str
    output: str


def bench_pipeline(
    source: str,
    config: RunConfig,
    rounds: int,
    on_round: Callable[[int, float, float], None] = lambda number, four, one: None,
) -> PipelineBench:
    """Runs both in turn, ``rounds`` times; who is first alternates, as a machine grows warm.

    Raises:
        SourceError: The source is not exactly one stream, or cannot be read.
    """
    specs = expand_sources([source])
    if len(specs) != 1:
        raise SourceError(f"{source} holds {len(specs)} streams; bench one of them")
    spec, frames = specs[0], 0
    four, one = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
            order = [_four_processes, _one_loop][:: (-1) ** number]
            rates = {run: run(spec, config, Path(folder) / run.__name__) for run in order}
        four.append(rates[_four_processes][0])
        one.append(rates[_one_loop][0])
        frames = rates[_one_loop][1]
        on_round(number, four[-1], one[-1])
    return PipelineBench(tuple(four), tuple(one), frames)


def _four_processes(spec: SourceSpec, config: RunConfig, output: Path) -> tuple[float, int]:
    supervisor = Supervisor([spec], config, output, {})
    supervisor.prepare(overwrite=False)
    result = supervisor.run()
    if result.exit_code:
        raise SourceError("; ".join(result.failed.values()) or f"{spec.location} was not finished")
    return _rate(output / spec.name)


def _one_loop(spec: SourceSpec, config: RunConfig, output: Path) -> tuple[float, int]:
    plan = LoopPlan(config.model_dump(mode="json"), spec.name, spec.location, str(output))
    subprocess.run(
        [sys.executable, "-m", "tools.bench.pipeline"],
        input=msgspec.json.encode(plan),
        env=ENVIRONMENT | dict(os.environ),
        check=True,
    )
    return _rate(output / spec.name)


def _rate(folder: Path) -> tuple[float, int]:
    report = msgspec.json.decode((folder / "run.json").read_bytes())
    return float(report["achieved_fps"]), int(report["frames"]["out"])


class _Heap:
    """Frame memory of one process: one array, used again and again."""

    def __init__(self) -> None:
        self._array: UInt8Array | None = None

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        if self._array is None or self._array.shape != shape:
            self._array = np.empty(shape, np.uint8)
        return self._array


def run_loop(plan: LoopPlan) -> None:
    """Decodes, detects, tracks and writes every frame, one after the other."""
    config = RunConfig.model_validate(plan.config)
    decoder = config.decoder
    source = open_source(
        SourceSpec(plan.name, plan.location),
        FrameSelection(decoder.first_frame, decoder.last_frame, decoder.every),
        Fraction(decoder.frame_rate),
    )
    detector = build_detector(config.detector)
    tracker = TrackerStage(config.tracker.name, config.tracker.settings)
    sink = StreamSink(Path(plan.output) / plan.name, sink_options(config.sink))
    for record in source.records(_Heap()):
        if isinstance(record, StreamStart):
            sink.start(record)
        elif isinstance(record, Frame):
            tracks = tracker.process(detector.detect([record])[0])
            sink.write(tracks, record.pixels, {}, time.time_ns())
        elif isinstance(record, EndOfStream):
            sink.finish(record, {})


if __name__ == "__main__":
    run_loop(msgspec.json.decode(sys.stdin.buffer.read(), type=LoopPlan))
