"""Arithmetic operations of a network, and the peak rate of its device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from stages.detector.device_input import DeviceInput
from stages.detector.engines.graph import DetectionGraph
from stages.detector.engines.recordings import CudaRecorder
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.preprocessing import input_geometry
from stages.detector.spotnet import SpotNet
from stages.detector.weights_file import load_network
from stages.records import Frame
from tools.bench.detect import EAGER, MeasuredDetector
from tools.bench.figures import MILLISECONDS, Figure

WORK = "GFLOP/frame"
SPEED = "TFLOP/s"
PRODUCT = "matrix product"
SHARE = f"% of a {PRODUCT}"
GPU = "GPU alone"
_SECONDS = 1.0
_REPLAYS = 30


def arithmetic_of(weights: Path, detector: MeasuredDetector, frame: Frame) -> tuple[float, float]:
    """Returns GFLOP per frame, and TFLOP/s of a matrix product on the same device and threads.

    Args:
        weights: Weights of the network.
        detector: Detector with PyTorch's engine.
        frame: Frame of the size to measure.
    """
    engine, header = detector.engine, frame.header
    assert isinstance(engine, TorchEngine)
    work = gflop_per_frame(load_network(weights), header.height, header.width, detector.scale)
    return work, matrix_teraflops(engine.device, engine.dtype)


def arithmetic_figures(
    work: float, peak: float, milliseconds: float, gpu_only: float | None
) -> tuple[Figure, ...]:
    """Returns figures of the operations per frame and of the rate that PyTorch's engine reaches.

    Args:
        work: GFLOP per frame.
        peak: TFLOP/s of a matrix product.
        milliseconds: Time of PyTorch's engine per frame.
        gpu_only: Time of the GPU itself per frame; None without a GPU.
    """
    times = {EAGER: milliseconds} | ({} if gpu_only is None else {GPU: gpu_only})
    speeds = {name: work / time for name, time in times.items()}
    return (
        Figure(EAGER, WORK, (work,)),
        *(() if gpu_only is None else [Figure(GPU, MILLISECONDS, (gpu_only,))]),
        *(Figure(name, SPEED, (speed,)) for name, speed in speeds.items()),
        Figure(PRODUCT, SPEED, (peak,)),
        *(Figure(name, SHARE, (100 * speed / peak,)) for name, speed in speeds.items()),
    )


def gflop_per_frame(network: SpotNet, height: int, width: int, scale: float) -> float:
    """Returns the additions and multiplications per frame in 1e9, box sizes only at peaks.

    Args:
        network: Network with folded batch norms.
        height: Frame height in pixels.
        width: Frame width in pixels.
        scale: Input scale.
    """
    geometry = input_geometry(height, width, network.config, scale)
    images = torch.zeros((1, geometry.height, geometry.width, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        DetectionGraph(network)(images)
    return counter.get_total_flops() / 1e9


def matrix_teraflops(device: torch.device, dtype: torch.dtype) -> float:
    """Returns the best rate of a large square matrix product, in 1e12 operations per second."""
    side = 1024 if device.type == "cpu" else 8192
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best, ends = float("inf"), time.monotonic() + _SECONDS
    while time.monotonic() < ends or best == float("inf"):
        _wait(device)
        started = time.perf_counter()
        one @ other
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best / 1e12


def gpu_milliseconds(detector: MeasuredDetector, frames: Sequence[Frame]) -> float | None:
    """Returns the time that a GPU itself takes per frame, the best of many recorded batches.

    The time covers everything from frames to boxes in GPU memory, without copies or Python.

    Args:
        detector: Detector with PyTorch's engine.
        frames: One batch, of one shape.

    Returns:
        Milliseconds; None if the engine does not compute on a GPU.
    """
    engine, header = detector.engine, frames[0].header
    assert isinstance(engine, TorchEngine)
    if engine.device.type != "cuda":
        return None
    geometry = input_geometry(header.height, header.width, engine.config, detector.scale)
    memory = DeviceInput(engine.device)
    pixels = memory.upload(frames)
    best = float("inf")
    with torch.inference_mode(), torch.cuda.device(engine.device):
        replay = CudaRecorder(engine.device)(
            lambda: engine.values(memory.convert(pixels, header, geometry))
        )
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        for _ in range(_REPLAYS):
            began.record()
            replay()
            ended.record()
            ended.synchronize()
            best = min(best, began.elapsed_time(ended))
    return best / len(frames)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
