"""OpenVINO on the CPU, in the fastest arithmetic of the CPU."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.cores import usable_cores
from stages.detector.engines.arithmetic import arithmetic_of, fast_dtype
from stages.detector.engines.engine import MAX_CONCURRENT_CALLS, EngineOutput, Precision
from stages.detector.engines.graph import OUTPUTS
from stages.detector.engines.onnx_graph import ARITHMETIC, config_of, metadata, onnx_model
from stages.detector.lru_cache import LruCache
from stages.detector.peaks import TOP_K
from stages.detector.spotnet import SpotNet, SpotNetConfig
from stages.detector.weights_file import check_exported, load_network
from stages.errors import ConfigError
from stages.extras import require
from stages.records import UInt8Array

_EXPORTED = (".xml", ".onnx")

_SIZES = 16  # of inputs, for which each thread keeps the compiled network, about 70 MB each


class _Requests(threading.local):
    """Inference requests of one thread by input shape, and whether the thread shares the cores."""

    def __init__(self) -> None:
        self.shares_cores = False
        self.of: LruCache[tuple[int, ...], Any] = LruCache(_SIZES)


class OpenVinoEngine:
    """See `Engine`; the network is compiled for each input size when its first image arrives.

    Args:
        weights: A SpotNet weights file, or an ``.xml`` or ``.onnx`` from ``spotstream export``.
        threads: Number of threads; 0: OpenVINO decides.
        precision: Arithmetic for weights; an exported model has its own.
        top_k: Maximum number of boxes per image for weights; an exported model has its own.

    Raises:
        ConfigError: The weights do not load or cannot be computed in int8, or a package is missing.
    """

    def __init__(
        self, weights: Path, threads: int = 0, precision: Precision = "auto", top_k: int = TOP_K
    ) -> None:
        openvino = require("openvino", "openvino", "engine openvino")
        self._core = openvino.Core()
        self._core.set_property({"ENABLE_MMAP": False})  # the file may be replaced in place
        hint = "f32"
        if weights.suffix.lower() in _EXPORTED:
            self._model, found = read_exported(self._core, weights)
            self.config = config_of(weights, found)
            arithmetic = found.get(ARITHMETIC, "float32")
        else:
            network = load_network(weights)
            cpu = torch.device("cpu")
            arithmetic = arithmetic_of(precision, network, cpu)
            int8 = arithmetic == "int8"
            self._model = openvino_model(self._core, network, int8=int8, top_k=top_k)
            self.config = network.config
            if arithmetic != "float32" and fast_dtype(cpu) is torch.bfloat16:
                hint = "bf16"
        # With bf16, OpenVINO still computes scores and boxes, after the last convolutions, in f32.
        self._properties: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # several detectors would all pin to the first core
            "INFERENCE_PRECISION_HINT": hint,
        }
        if threads:
            self._properties["INFERENCE_NUM_THREADS"] = threads
        _, height, width, _ = self._model.inputs[0].partial_shape
        self.size = (height.get_length(), width.get_length()) if height.is_static else None
        self.batch_size = 1
        self.concurrent_calls = min(threads or usable_cores(), MAX_CONCURRENT_CALLS)
        self._compiled: LruCache[tuple[int, tuple[int, ...]], Any] = LruCache(_SIZES)
        self._compiling = threading.Lock()
        self._requests = _Requests()
        version = openvino.__version__.split("-")[0]
        self.description = f"openvino {version}, {arithmetic} on cpu"

    def detect(self, images: UInt8Array) -> EngineOutput:
        """See `Engine`."""
        request = self._request((1, *images.shape[1:]))
        each = []
        for image in images:
            request.infer([image[None]], share_inputs=True)
            each.append([request.get_tensor(name).data.copy() for name in OUTPUTS])
        return EngineOutput(*(np.concatenate(parts) for parts in zip(*each, strict=True)))

    def share_cores(self) -> None:
        """See `Engine`."""
        self._requests.shares_cores = True

    def _request(self, shape: tuple[int, ...]) -> Any:
        requests = self._requests
        request = requests.of.get(shape)
        if request is None:
            streams = self.concurrent_calls if requests.shares_cores else 1
            compiled = self._network(streams, shape)
            request = requests.of.keep(shape, compiled.create_infer_request())
        return request

    def _network(self, streams: int, shape: tuple[int, ...]) -> Any:
        """Returns the network compiled for inputs of one shape, ``streams`` at a time."""
        with self._compiling:
            compiled = self._compiled.get((streams, shape))
            if compiled is None:
                if self.size is None:
                    self._model.reshape(list(shape))
                properties = self._properties | {"NUM_STREAMS": streams}
                compiled = self._core.compile_model(self._model, "CPU", properties)
                self._compiled.keep((streams, shape), compiled)
            return compiled


def openvino_model(
    core: Any,
    network: SpotNet,
    size: tuple[int, int] | None = None,
    *,
    int8: bool = False,
    top_k: int = TOP_K,
) -> Any:
    """Returns the `DetectionGraph` as an ``openvino.Model`` with metadata; see `onnx_model`.

    The conversion goes through ONNX, because `openvino.convert_model`, which accepts torch modules,
    reports its use over the network.
    """
    model = core.read_model(onnx_model(network, size, "openvino", int8=int8, top_k=top_k))
    for key, value in metadata(network.config, int8=int8).items():
        model.set_rt_info(value, key)
    return model


def read_exported(core: Any, path: Path) -> tuple[Any, dict[str, str]]:
    """Reads the ``openvino.Model`` in a file from ``spotstream export``, and its metadata.

    Raises:
        ConfigError: The file cannot be read.
    """
    check_exported(path)
    try:
        model = core.read_model(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(f"{path} is not a model that OpenVINO reads: {reason}") from error
    # OpenVINO keeps the metadata of an ONNX model under its own key.
    folder = [] if path.suffix.lower() == ".xml" else ["framework"]
    found = {}
    for key in metadata(SpotNetConfig()):
        if model.has_rt_info([*folder, key]):
            found[key] = str(model.get_rt_info([*folder, key]).value)
    return model, found
