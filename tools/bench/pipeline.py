"""``spotstream bench pipeline``: four processes against one that does the same work in a loop."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from pipeline.config import RunConfig
from pipeline.detectors import build_detector
from pipeline.geometry import ignored_in
from pipeline.plan import decode_struct, encode_struct
from pipeline.signals import die_with
from pipeline.sink_options import sink_options
from pipeline.supervision.process import ENVIRONMENT
from pipeline.workers.camera_estimates import CameraEstimates
from pipeline.workers.detector import completed
from pipeline.workers.latency_clock import LatencyClock
from stages.decoder.locations import SourceSpec
from stages.decoder.sources import open_source
from stages.errors import ConfigError
from stages.records import EndOfStream, Frame, StreamStart, UInt8Array
from stages.result_files import read_report
from stages.sink.slots import Slots
from stages.sink.stream_results import StreamResults
from stages.tracker import TrackerStage
from tools.bench.decode import opencv_decodes
from tools.bench.figures import RATE, BenchReport, Ratio, Runner, measure_rounds
from tools.bench.peers import failure_of
from tools.drawing.sources import one_stream
from tools.harness.runner import report_of_run

FOUR, ONE, OPENCV = "four processes", "one loop", "OpenCV's loop"
SLOWEST = "slowest stage, as in that run"
_MODULES = {ONE: "tools.bench.pipeline", OPENCV: "tools.bench.opencv_loop"}
RATIOS = (
    Ratio(FOUR, ONE, aim=1.0),
    Ratio(FOUR, OPENCV, aim=1.0),
    Ratio(FOUR, SLOWEST, aim=1 / 1.05),
)


class LoopPlan(msgspec.Struct, frozen=True):
    """Input of the process that runs the loop; the process ends with its parent."""

    config: RunConfig
    name: str
    location: str
    output: str
    parent: int = msgspec.field(default_factory=os.getpid)

    @classmethod
    def receive(cls) -> LoopPlan:
        """Reads the plan from standard input; from then on the process ends with its parent."""
        plan = decode_struct(sys.stdin.buffer.read(), cls)
        die_with(plan.parent)
        return plan


def bench_pipeline(
    source: str,
    config: RunConfig,
    rounds: int,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Runs all variants in turn, ``rounds`` times, in alternating order as machines warm up.

    OpenCV's loop is included if the source is a video file that OpenCV can decode, and the config
    has nothing `lacking_in_opencv_loop`.

    Frames per second exclude start-up. The slowest stage is the one with the largest median time
    per frame in the run of four processes; several detectors divide their time between them.

    Raises:
        ConfigError: The source holds several streams, or is read at its own pace, which would limit
            every variant.
        SpotStreamError: The run or a loop failed.
    """
    if config.decoder.pace != "fast":
        raise ConfigError("bench pipeline needs decoder.pace=fast; its loops read without pauses")
    spec = one_stream(source)
    runners: dict[str, Runner] = {
        FOUR: partial(_four_processes, spec, config),
        ONE: partial(_one_process, ONE, spec, config),
    }
    path = Path(spec.location)
    if not lacking_in_opencv_loop(config) and path.is_file() and opencv_decodes(path):
        runners[OPENCV] = partial(_one_process, OPENCV, spec, config)
    found = measure_rounds("pipeline", runners, rounds=rounds, progress=progress)
    found[SLOWEST, RATE] = found.pop((FOUR, SLOWEST))
    return BenchReport.of("pipeline", found, RATIOS)


def lacking_in_opencv_loop(config: RunConfig) -> list[str]:
    """Returns the configured keys whose work OpenCV's loop does not do."""
    keys = {
        "decoder.camera_motion": config.decoder.camera_motion,
        "decoder.reference": config.decoder.reference,
        "detector.ignored": config.detector.ignored,
        "detector.regions": config.detector.regions,
    }
    return [key for key, value in keys.items() if value]


def _four_processes(spec: SourceSpec, config: RunConfig) -> dict[str, float]:
    report = report_of_run(spec, config)
    slowest = max(stage["p50"] for stage in report["stages_ms"].values())
    return {RATE: report["achieved_fps"], SLOWEST: 1e3 / slowest}


def _one_process(name: str, spec: SourceSpec, config: RunConfig) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        plan = LoopPlan(config, spec.name, spec.location, folder)
        done = subprocess.run(
            [sys.executable, "-P", "-m", _MODULES[name]],
            input=encode_struct(plan),
            env=ENVIRONMENT | dict(os.environ),
            capture_output=True,
            start_new_session=True,  # Ctrl-C reaches only the bench, which kills it
        )
        if done.returncode:
            raise failure_of(name, done.stderr.decode(errors="replace"))
        return {RATE: read_report(Path(folder) / spec.name)["achieved_fps"]}


class _Heap:
    """Frame memory of one process: as many arrays as a ring has slots, used in turn."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._arrays: deque[UInt8Array] = deque()

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        array = self._arrays.popleft() if len(self._arrays) == self._slots else None
        if array is None or array.shape != shape:
            array = np.empty(shape, np.uint8)
        self._arrays.append(array)
        return array


def run_loop(plan: LoopPlan) -> None:
    """Decodes, detects, tracks and writes the frames, one at a time."""
    config = plan.config
    decoder = config.decoder
    source = open_source(
        SourceSpec(plan.name, plan.location),
        selection=decoder.selection,
        frame_rate=Fraction(decoder.frame_rate),
    )
    estimates = CameraEstimates(decoder, plan.name, notify=lambda message: None)
    detector = build_detector(config.detector)
    ignored = np.array(ignored_in(config.detector.ignored, plan.name), np.float32).reshape(-1, 4)
    tracker = TrackerStage(config.tracker.name, config.tracker.settings, decoder.every)
    slots, clock = Slots(config.runtime.slots), LatencyClock()
    folder = Path(plan.output) / plan.name
    results = StreamResults(folder, sink_options(config, plan.name, live=False), on_kept=slots.free)
    for record in source.records(_Heap(config.runtime.slots)):
        if isinstance(record, StreamStart):
            results.start(record)
        elif isinstance(record, Frame):
            header, motion = estimates.of(record)
            frame = Frame(header, record.pixels, motion)
            tracks = tracker.process(completed(detector.detect([frame])[0], frame, ignored))
            written = clock.written(record.header.captured_ns)
            results.write(tracks, record.pixels, {}, written)
            slots.wait(results.overlays)
        elif isinstance(record, EndOfStream):
            results.finish(record, {})


if __name__ == "__main__":
    run_loop(LoopPlan.receive())
