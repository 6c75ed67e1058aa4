"""Which engine computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch

from stages.detector.engines.device import choose_device
from stages.detector.engines.engine import Engine, Precision
from stages.detector.engines.torch_engine import TorchEngine, fast_dtype
from stages.errors import ConfigError
from stages.extras import installed

EngineName: TypeAlias = Literal["torch", "openvino", "onnxruntime"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

_PACKAGES: dict[EngineName, tuple[str, ...]] = {
    "torch": ("torch",),
    "openvino": ("openvino", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
}
_EXPORTED: dict[str, tuple[EngineName, ...]] = {
    ".xml": ("openvino",),
    ".onnx": ("onnxruntime", "openvino"),
}


def build_engine(
    weights: Path,
    engine: EngineName | Literal["auto"] = "auto",
    *,
    precision: Precision = "auto",
    device: str = "auto",
    worker: int = 0,
    threads: int = 0,
) -> Engine:
    """The engine asked for, or the fastest that is installed.

    Args:
        weights: A SpotNet weights file, or a model of ``spotstream export``.
        engine: ``"auto"``: PyTorch on a GPU and on a CPU that computes in bfloat16, else OpenVINO
            where it is installed, else PyTorch; of an exported model, one that reads it.
        precision: In what weights are computed; an exported model has its own.
        device: A torch device, or ``"auto"``: a GPU where one works and the engine uses it.
        worker: Which of several detectors this is: ``"auto"`` and ``"cuda"`` take GPUs in turn.
        threads: On the CPU; 0 leaves it to the engine.

    Raises:
        ConfigError: The engine is not installed, takes no such weights, precision or device, the
            device cannot be used, or the weights do not load.
    """
    exported = _EXPORTED.get(weights.suffix)
    uses_gpu = engine in ("auto", "torch") and exported is None
    if device == "auto" and not uses_gpu:
        device = "cpu"
    chosen = choose_device(device, "detector.device", worker)
    if exported is not None and precision != "auto":
        raise ConfigError(
            f"detector.precision is for weights; {weights} was exported in one, leave it at auto"
        )
    if precision == "int8" and chosen.type != "cpu":
        raise ConfigError(
            f"detector.precision int8 is for CPUs: set detector.device=cpu, not {chosen}"
        )
    if engine == "auto":
        engine = _fastest(chosen, precision) if exported is None else _reader(exported)
    elif exported is not None and engine not in exported:
        raise ConfigError(
            f"detector.engine {engine} does not read {weights}; {' or '.join(exported)} does"
        )
    if engine == "torch":
        return TorchEngine(weights, chosen, precision)
    if chosen.type != "cpu":
        raise ConfigError(f"detector.engine {engine} computes on the CPU, got device {device}")
    return _cpu_engine(engine)(weights, threads, precision)


def installed_engines() -> list[EngineName]:
    """Those whose packages are there."""
    return [name for name in ENGINES if installed(*_PACKAGES[name])]


def _fastest(device: torch.device, precision: Precision) -> EngineName:
    float_or_int8 = precision != "auto" or fast_dtype(device) is torch.float32
    slow = device.type == "cpu" and float_or_int8
    return "openvino" if slow and installed(*_PACKAGES["openvino"]) else "torch"


def _reader(engines: tuple[EngineName, ...]) -> EngineName:
    """The first that is installed, else the first: it says what is missing."""
    return next((name for name in engines if installed(name)), engines[0])


def _cpu_engine(name: EngineName) -> Callable[[Path, int, Precision], Engine]:
    if name == "openvino":
        from stages.detector.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine
    from stages.detector.engines.onnx_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine
