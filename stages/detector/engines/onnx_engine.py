"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.detector.engines.engine import EngineOutput, Precision
from stages.detector.engines.graph import INPUT, OUTPUTS
from stages.detector.engines.onnx_graph import ARITHMETIC, config_of, onnx_model
from stages.detector.peaks import TOP_K
from stages.detector.weights_file import check_exported, load_network
from stages.errors import ConfigError
from stages.extras import require
from stages.records import UInt8Array


class OnnxRuntimeEngine:
    """See `Engine`.

    Args:
        weights: A SpotNet weights file, or an ``.onnx`` from ``spotstream export``.
        threads: Number of threads; 0: ONNX Runtime decides.
        precision: Arithmetic for weights; an exported model has its own.
        top_k: Maximum number of boxes per image for weights; an exported model has its own.

    Raises:
        ConfigError: The weights do not load or cannot be computed in int8, or a package is missing.
    """

    batch_size = 1
    concurrent_calls = 1  # more would need a second session with its own weights

    def __init__(
        self, weights: Path, threads: int = 0, precision: Precision = "auto", top_k: int = TOP_K
    ) -> None:
        runtime = require("onnxruntime", "onnx", "engine onnxruntime")
        exported = weights.suffix.lower() == ".onnx"
        if exported:
            check_exported(weights)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads must not spin: other stages need the cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        int8 = precision == "int8"
        model = (
            str(weights) if exported else onnx_model(load_network(weights), int8=int8, top_k=top_k)
        )
        try:
            self._session = runtime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            why = f"is not a readable ONNX model: {error}"
            if type(error).__name__ == "InvalidProtobuf":
                why = "is not an ONNX model, or was cut off: copy or export it again"
            raise ConfigError(f"{weights} {why}") from error
        found = self._session.get_modelmeta().custom_metadata_map
        self.config = config_of(weights, found)
        height, width = self._session.get_inputs()[0].shape[1:3]  # strings if dynamic
        self.size = (height, width) if isinstance(height, int) else None
        arithmetic = found.get(ARITHMETIC, "float32")
        self.description = f"onnxruntime {runtime.__version__}, {arithmetic} on cpu"

    def share_cores(self) -> None:
        """See `Engine`; never needed."""

    def detect(self, images: UInt8Array) -> EngineOutput:
        """See `Engine`."""
        each = [self._session.run(OUTPUTS, {INPUT: image[None]}) for image in images]
        return EngineOutput(*(np.concatenate(parts) for parts in zip(*each, strict=True)))
