"""Speed of the detector by engine, from frame to boxes."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch

from stages.decoder.source import FrameSelection, HeapAllocator
from stages.decoder.sources import open_source
from stages.detector.engines import EngineName, installed_engines
from stages.detector.engines.arithmetic import fast_dtype
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.spotnet import channels_last
from stages.detector.weights_file import load_network
from stages.errors import SourceError
from stages.records import Detections, Frame, FrameHeader, PixelFormat, UInt8Array
from stages.scene import Scene, SceneConfig
from tools.bench.centernet_loop import CenterNetLoop
from tools.bench.figures import CPU, MILLISECONDS, BenchReport, Figure, Ratio, measure
from tools.drawing.sources import one_stream

EAGER: EngineName = "torch"
COMPILED = "torch.compile"
UNRECORDED = "torch, no CUDA graphs"
CENTERNET = "CenterNet's loop"
SIZE = 960, 544  # width and height of rendered frames
APART = "px apart"
COMPARED_SCORE = 0.1  # minimum score of PyTorch's boxes that other engines must find too

MeasuredDetector: TypeAlias = NetworkDetector | CenterNetLoop
"""A detector that can be measured: SpotNet with any engine, or CenterNet's loop."""


def rendered_frames(count: int) -> list[Frame]:
    """Renders frames of `SIZE` as a decoder delivers them: YUV 4:2:0."""
    scene = Scene(SceneConfig(seed=7, width=SIZE[0], height=SIZE[1], frames=count))
    return [_yuv(scene.render(index).image, index) for index in range(count)]


def source_frames(source: str, count: int) -> list[Frame]:
    """Reads the first frames of a video file or image folder.

    Raises:
        ConfigError: The source holds several streams.
        SourceError: The source cannot be read or has no frames.
    """
    opened = open_source(one_stream(source), selection=FrameSelection(last=count))
    records = opened.records(HeapAllocator())
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
    """Makes a detector for each engine with the same weights: PyTorch, CenterNet's loop, others.

    They compute in bfloat16 if the device supports it, else in float32. On a CPU, int8 detectors
    are added if the weights are calibrated for int8.

    Args:
        weights: Weights of all detectors; None for the default.
        threads: Threads of each detector.
        models: Exported models to measure as well, by file name, or by path if several share it.
        engines: Engines to use; None for all that are installed.
        compiled: Whether to add ``torch.compile``, which needs a C++ compiler.
        device: PyTorch device; by default, the other engines are used only if it is the CPU.

    Raises:
        ConfigError: Weights or a model cannot be used.
    """
    auto_may_be_int8 = device == "cpu" and fast_dtype(torch.device(device)) is torch.float32
    make = partial(
        NetworkDetector,
        precision="float32" if auto_may_be_int8 else "auto",
        device=device,
        threads=threads,
        min_score=COMPARED_SCORE / 2,
    )
    names = engines or (installed_engines() if device == "cpu" else [])
    file = find_weights(weights)
    detectors: dict[str, MeasuredDetector] = {
        EAGER: make(weights, engine=EAGER),
        CENTERNET: CenterNetLoop(file, device, COMPARED_SCORE / 2),
    }
    detectors |= {name: make(weights, engine=name) for name in names if name != EAGER}
    if device == "cpu" and load_network(file).ranges is not None:
        detectors |= {
            f"{name} int8": make(weights, engine=name, precision="int8") for name in names
        }
    if device != "cpu":
        detectors[UNRECORDED] = make(weights, engine=EAGER, recorded=False)
    if compiled:
        detector = make(weights, engine=EAGER)
        engine = detector.engine
        assert isinstance(engine, TorchEngine)
        network = load_network(file, engine.device).to(engine.dtype)
        engine.graph = torch.compile(DetectionGraph(channels_last(network)))
        detectors[COMPILED] = detector
    names_of_models = [model.name for model in models]
    for model in models:
        name = model.name if names_of_models.count(model.name) == 1 else str(model)
        detectors[name] = make(model, precision="auto")
    return detectors


def bench_detect(
    detectors: Mapping[str, MeasuredDetector],
    frames: Sequence[Frame],
    rounds: int = 7,
    progress: Callable[[str], None] = lambda what: None,
    *,
    batch: int = 1,
) -> BenchReport:
    """Measures every detector on every frame, in turn, round by round.

    Args:
        detectors: Detectors to measure, by name, including PyTorch's.
        frames: Frames to measure on.
        rounds: Number of rounds.
        progress: Called with what is being measured.
        batch: Frames per batch.

    Returns:
        Wall time per frame, CPU time per frame over all threads, and as `APART` the largest
        distance of a box side from PyTorch's, over its boxes with a score of at least 0.1. The
        ratios are PyTorch's time to each other detector's: CPU time if PyTorch runs on the CPU,
        else wall time.

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
    others = [name for name in detectors if name != EAGER]
    report = measure(
        "detect",
        {name: partial(_time, detector, batches) for name, detector in detectors.items()},
        [Ratio(EAGER, name, CPU if on_cpu else MILLISECONDS) for name in others],
        rounds=rounds,
        warm_up=0,
        progress=progress,
    )
    distances = (
        Figure(name, APART, (max(map(_distance, found[EAGER], each)),))
        for name, each in found.items()
    )
    return replace(
        report,
        figures=(*report.figures, *distances),
        descriptions={name: each.engine.description for name, each in detectors.items()},
    )


def _time(detector: MeasuredDetector, batches: Sequence[Sequence[Frame]]) -> dict[str, float]:
    gc.collect()
    started, used = time.perf_counter(), time.process_time()
    for together in batches:
        detector.detect(together)
    used, wall = time.process_time() - used, time.perf_counter() - started
    frames = sum(map(len, batches))
    return {MILLISECONDS: wall / frames * 1e3, CPU: used / frames * 1e3}


def _distance(one: Detections, other: Detections) -> float:
    """Returns the largest distance from a confident box of ``one`` to the closest of ``other``."""
    confident = one.boxes[one.scores >= COMPARED_SCORE]
    if not len(confident) or not len(other):
        return float("inf") if len(confident) else 0.0
    apart = np.abs(confident[:, None] - other.boxes[None]).max(axis=-1)
    return float(apart.min(axis=1).max())


def _yuv(image: UInt8Array, index: int) -> Frame:
    height, width = image.shape[:2]
    header = FrameHeader.of_image(height, width, "bench", index, pixel_format=PixelFormat.YUV420P)
    return Frame(header, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8))
