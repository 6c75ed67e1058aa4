"""Chooses and builds the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch

from stages.detector.engines.device import choose_device
from stages.detector.engines.engine import Engine, Precision
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.peaks import TOP_K
from stages.errors import ConfigError, SpotStreamError
from stages.extras import installed

EngineName: TypeAlias = Literal["torch", "openvino", "onnxruntime"]
_ENGINES: tuple[EngineName, ...] = get_args(EngineName)

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
    top_k: int = TOP_K,
) -> Engine:
    """Builds the requested engine, or the fastest one installed.

    Args:
        weights: A SpotNet weights file, or a model from ``spotstream export``.
        engine: Name of the engine, or ``"auto"``: OpenVINO on a CPU if installed, otherwise
            PyTorch; for an exported model, an engine that reads it.
        precision: Arithmetic for weights; an exported model has its own.
        device: A torch device, or ``"auto"``: a GPU if one works and the engine uses it.
        worker: Index of this detector: ``"auto"`` and ``"cuda"`` assign GPUs to detectors in turn.
        threads: Number of CPU threads; 0: the engine decides.
        top_k: Maximum number of boxes per image for weights; an exported model has its own.

    Raises:
        ConfigError: The engine or precision is unknown, the engine is not installed or does not
            support the weights, precision or device, the device cannot be used, the weights do not
            load, or an exported model is given a ``top_k``.
        SpotStreamError: The device has no memory left for the network.
    """
    _check_choice("engine", engine, ("auto", *_ENGINES))
    _check_choice("precision", precision, get_args(Precision))
    exported = _EXPORTED.get(weights.suffix.lower())
    uses_gpu = engine in ("auto", "torch") and exported is None
    if device == "auto" and not uses_gpu:
        device = "cpu"
    chosen = choose_device(device, "detector.device", worker)
    if exported is not None and precision != "auto":
        raise ConfigError(
            f"detector.precision is for weights; {weights} was exported in one, leave it at auto"
        )
    if exported is not None and top_k != TOP_K:
        raise ConfigError(
            f"detector.max_detections is for weights; {weights} was exported with {TOP_K}, "
            f"leave it at that"
        )
    if precision == "int8" and chosen.type != "cpu":
        raise ConfigError(
            f"detector.precision int8 is for CPUs: set detector.device=cpu, not {chosen}"
        )
    if engine == "auto":
        engine = _fastest(chosen) if exported is None else _reader(exported)
    elif exported is not None and engine not in exported:
        raise ConfigError(
            f"detector.engine {engine} does not read {weights}; {' or '.join(exported)} does"
        )
    if engine == "torch":
        try:
            return TorchEngine(weights, chosen, precision, top_k)
        except torch.OutOfMemoryError as error:
            raise SpotStreamError(
                f"the memory of {chosen} is full before the first frame; nvidia-smi shows what "
                f"uses it"
            ) from error
    if chosen.type != "cpu":
        raise ConfigError(f"detector.engine {engine} computes on the CPU, got device {device}")
    return _cpu_engine(engine)(weights, threads, precision, top_k)


def installed_engines() -> list[EngineName]:
    """Returns the engines whose packages are installed."""
    return [name for name in _ENGINES if installed(*_PACKAGES[name])]


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"detector.{name} must be one of {', '.join(allowed)}, got {value!r}")


def _fastest(device: torch.device) -> EngineName:
    on_cpu = device.type == "cpu"
    return "openvino" if on_cpu and installed(*_PACKAGES["openvino"]) else "torch"


def _reader(engines: tuple[EngineName, ...]) -> EngineName:
    """Returns the first installed engine, or else the first, whose error names what is missing."""
    return next((name for name in engines if installed(name)), engines[0])


def _cpu_engine(name: EngineName) -> Callable[[Path, int, Precision, int], Engine]:
    if name == "openvino":
        from stages.detector.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine
    from stages.detector.engines.onnx_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine
