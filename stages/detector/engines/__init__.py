"""Engines that run the network from the same weights: PyTorch, OpenVINO or ONNX Runtime."""

from stages.detector.engines.choice import EngineName, build_engine, installed_engines
from stages.detector.engines.engine import Engine, EngineOutput, Precision

__all__ = [
    "Engine",
    "EngineName",
    "EngineOutput",
    "Precision",
    "build_engine",
    "installed_engines",
]
