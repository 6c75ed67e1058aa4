"""How much a network computes, and how much its device could."""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.network_detector import NetworkDetector
from stages.detector.preprocessing import input_geometry
from stages.records import Frame

_SECONDS = 1.0


def arithmetic_of(detector: NetworkDetector, frame: Frame) -> tuple[float, float]:
    """GFLOP of a frame, and TFLOP/s of a matrix product on the same device and threads.

    Args:
        detector: With PyTorch's engine.
        frame: Of the size in question.
    """
    engine = detector.engine
    assert isinstance(engine, TorchEngine)
    work = gflop_per_frame(detector, frame.header.height, frame.header.width)
    return work, matrix_teraflops(engine.device, engine.dtype)


def gflop_per_frame(detector: NetworkDetector, height: int, width: int) -> float:
    """Additions and multiplications in 1e9 that a frame takes, sizes at peaks alone included.

    Args:
        detector: With PyTorch's engine.
        height: Of the frame, pixels.
        width: Of the frame, pixels.
    """
    engine = detector.engine
    assert isinstance(engine, TorchEngine)
    geometry = input_geometry(height, width, engine.config, detector.scale)
    images = torch.zeros(
        (1, geometry.height, geometry.width, 3), dtype=torch.uint8, device=engine.device
    )
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        engine.graph(images)
    return counter.get_total_flops() / 1e9


def matrix_teraflops(device: torch.device, dtype: torch.dtype) -> float:
    """What the product of two large square matrices reaches, 1e12 operations a second."""
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


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
