"""Speed of the detector, frame in and boxes out, by engine."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from stages.decoder.locations import expand_sources
from stages.decoder.scene import Scene, SceneConfig
from stages.decoder.source import FrameSelection, HeapAllocator
from stages.decoder.sources import open_source
from stages.detector.engines import Engine, EngineName, Precision, installed_engines
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.torch_engine import TorchEngine, load_network
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.spotnet import channels_last
from stages.errors import SourceError
from stages.records import Detections, Frame, FrameHeader, PixelFormat, UInt8Array
from tools.bench.centernet_loop import CenterNetLoop
from tools.bench.figures import CPU, MILLISECONDS, Figure, Ratio, Report, measure

EAGER: EngineName = "torch"
COMPILED = "torch.compile"
UNRECORDED = "torch, no CUDA graphs"
CENTERNET = "CenterNet's loop"
SIZE = 960, 544  # of rendered frames
COMPARED_SCORE = 0.1  # of boxes that other engines must find, too


class MeasuredDetector(Protocol):
    """What can be measured: our detector, or the loop of others."""

    scale: float
    min_score: float

    @property
    def engine(self) -> Engine:
        """What computes."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detections of each frame."""


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """How fast an engine was, and how far its boxes are from PyTorch's.

    Attributes:
        name: Of the engine, or the exported model's file.
        description: Its version and arithmetic.
        time: Milliseconds a frame.
        cpu_time: Those of the processor over all threads.
        to_eager: PyTorch's time divided by this one's: processor time where the CPU computes.
        box_distance: Largest difference of a side from PyTorch's, pixels of the frame, over its
            boxes of a score of at least 0.1.
    """

    name: str
    description: str
    time: Figure
    cpu_time: Figure
    to_eager: tuple[Ratio, Figure]
    box_distance: float

    def as_json(self) -> dict[str, object]:
        """All there is to know, as JSON types."""
        return {
            "name": self.name,
            "description": self.description,
            "time": self.time.as_json(),
            "cpu_time": self.cpu_time.as_json(),
            "to_eager": self.to_eager[1].as_json(),
            "box_distance": self.box_distance,
        }


def rendered_frames(count: int) -> list[Frame]:
    """Frames of a scene of `SIZE`, as a decoder gives them: YUV 4:2:0."""
    scene = Scene(SceneConfig(seed=7, width=SIZE[0], height=SIZE[1], frames=count))
    return [_yuv(scene.render(index).image, index) for index in range(count)]


def source_frames(source: str, count: int) -> list[Frame]:
    """The first frames of a video file or image folder.

    Raises:
        SourceError: It is not exactly one stream, cannot be read or has no frames.
    """
    specs = expand_sources([source])
    if len(specs) != 1:
        raise SourceError(f"{source} holds {len(specs)} streams; bench one of them")
    records = open_source(specs[0], FrameSelection(1, count, 1), Fraction(25)).records(
        HeapAllocator()
    )
    frames = list(itertools.islice((r for r in records if isinstance(r, Frame)), count))
    if not frames:
        raise SourceError(f"{source} has no frames")
    return frames


def make_detectors(
    weights: Path | None,
    threads: int = 1,
    models: Sequence[Path] = (),
    engines: Sequence[EngineName] | None = None,
    *,
    compiled: bool = False,
    device: str = "cpu",
) -> dict[str, MeasuredDetector]:
    """A detector of every engine, on the same weights; PyTorch's is the first, CenterNet's second.

    On a CPU also in int8, where the weights are calibrated for it.

    Args:
        weights: Of all; None for the shipped ones.
        threads: Of each.
        models: Exported models, measured beside them.
        engines: Which; None for all that are installed.
        compiled: ``torch.compile`` too, which needs a C++ compiler.
        device: Of PyTorch; the other engines compute on the CPU, and only where it does.

    Raises:
        ConfigError: Weights or a model cannot be used.
    """

    def make(
        path: Path | None,
        engine: EngineName | None,
        *,
        precision: Precision = "auto",
        recorded: bool = True,
    ) -> NetworkDetector:
        return NetworkDetector(
            path,
            engine=engine or "auto",
            precision=precision,
            device=device,
            threads=threads,
            min_score=COMPARED_SCORE / 2,
            recorded=recorded,
        )

    names = engines or (installed_engines() if device == "cpu" else [])
    file = find_weights(weights)
    detectors: dict[str, MeasuredDetector] = {
        EAGER: make(weights, EAGER),
        CENTERNET: CenterNetLoop(file, device, COMPARED_SCORE / 2),
    }
    detectors |= {name: make(weights, name) for name in names if name != EAGER}
    if device == "cpu" and load_network(file).ranges is not None:
        detectors |= {f"{name} int8": make(weights, name, precision="int8") for name in names}
    if device != "cpu":
        detectors[UNRECORDED] = make(weights, EAGER, recorded=False)
    if compiled:
        import torch

        detector = make(weights, EAGER)
        engine = detector.engine
        assert isinstance(engine, TorchEngine)
        network = load_network(file, engine.device).to(engine.dtype)
        engine.graph = torch.compile(DetectionGraph(channels_last(network)))
        detectors[COMPILED] = detector
    return detectors | {model.name: make(model, None) for model in models}


def bench_detect(
    detectors: Mapping[str, MeasuredDetector],
    frames: Sequence[Frame],
    rounds: int = 7,
    progress: Callable[[str], None] = lambda what: None,
    *,
    batch: int = 1,
) -> list[EngineSpeed]:
    """Measures every detector on every frame, in turn, round by round.

    Args:
        detectors: What to measure, by name; PyTorch's among them.
        frames: On which.
        rounds: How often.
        progress: Called with what is measured.
        batch: Frames at a time.

    Raises:
        ConfigError: An exported model does not take frames of this size.
    """
    batches = [frames[start : start + batch] for start in range(0, len(frames), batch)]
    found: dict[str, list[Detections]] = {}
    for name, detector in detectors.items():
        progress(f"{name}: warming up")
        found[name] = [each for together in batches for each in detector.detect(together)]
    engine = detectors[EAGER].engine
    on_cpu = isinstance(engine, TorchEngine) and engine.device.type == "cpu"
    report = measure(
        "detect",
        {name: partial(_time, detector, batches) for name, detector in detectors.items()},
        [Ratio(EAGER, name, CPU if on_cpu else MILLISECONDS) for name in detectors],
        rounds=rounds,
        warm_up=0,
        progress=progress,
    )
    figures = {(figure.name, figure.unit): figure for figure in report.figures}
    return [
        EngineSpeed(
            name,
            detector.engine.description,
            figures[name, MILLISECONDS],
            figures[name, CPU],
            to_eager,
            max(itertools.starmap(_distance, zip(found[EAGER], found[name], strict=True))),
        )
        for (name, detector), to_eager in zip(detectors.items(), report.ratios, strict=True)
    ]


def _time(detector: MeasuredDetector, batches: Sequence[Sequence[Frame]]) -> dict[str, float]:
    gc.collect()
    started, used = time.perf_counter(), time.process_time()
    for together in batches:
        detector.detect(together)
    used, wall = time.process_time() - used, time.perf_counter() - started
    frames = sum(map(len, batches))
    return {MILLISECONDS: wall / frames * 1e3, CPU: used / frames * 1e3}


def _distance(one: Detections, other: Detections) -> float:
    """From each box of ``one``, to the closest of ``other``."""
    sure = one.boxes[one.scores >= COMPARED_SCORE]
    if not len(sure) or not len(other):
        return float("inf") if len(sure) else 0.0
    apart = np.abs(sure[:, None] - other.boxes[None]).max(axis=-1)
    return float(apart.min(axis=1).max())


def _yuv(image: UInt8Array, index: int) -> Frame:
    height, width = image.shape[:2]
    header = FrameHeader.of_picture(height, width, "bench", index, pixel_format=PixelFormat.YUV420P)
    return Frame(header, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8))


def detect_report(speeds: Sequence[EngineSpeed]) -> Report:
    """Every engine's time of a frame, and PyTorch's over it."""
    ratios = tuple(speed.to_eager for speed in speeds if speed.name != EAGER)
    return Report("detect", tuple(speed.time for speed in speeds), ratios)
