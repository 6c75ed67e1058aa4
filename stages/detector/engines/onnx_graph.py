"""Exports the detector as an ONNX model with its config as metadata."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from stages.detector.engines.graph import INPUT, OUTPUTS, DetectionGraph, example_images
from stages.detector.engines.rounded import rounded_network
from stages.detector.peaks import TOP_K
from stages.detector.spotnet import SpotNet, SpotNetConfig
from stages.detector.spotnet.checkpoint import OTHER_NETWORK_ADVICE
from stages.errors import ConfigError
from stages.extras import require

METADATA = "spotnet"
"""Metadata key of the config in JSON, as in our safetensors files."""

_OPSET = 17  # both runtimes have supported it for years


ARITHMETIC = "arithmetic"
"""Metadata key: ``float32`` or ``int8``."""


def onnx_model(
    network: SpotNet,
    size: tuple[int, int] | None = None,
    extra: str = "onnx",
    *,
    int8: bool = False,
    top_k: int = TOP_K,
) -> bytes:
    """Exports the `DetectionGraph` of ``network`` as a serialised ONNX model with metadata.

    Args:
        network: Network in float32, batch norms folded.
        size: Height and width of the input, with batch size 1; None leaves all three dynamic.
        extra: Extra named in the error if the package onnx is missing.
        int8: Whether convolutions are to be computed in 8 bits, see `rounded_network`.
        top_k: Maximum number of boxes per image.

    Raises:
        ConfigError: The package onnx is not installed, or the network cannot be computed in int8.
    """
    onnx = require("onnx", extra, "conversion to ONNX")
    config = network.config
    if int8:
        network = rounded_network(network)
    axes = {name: {0: "batch"} for name in (INPUT, *OUTPUTS)}
    axes[INPUT] |= {1: "height", 2: "width"}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns about each constant
        # The tracing exporter takes a second and needs only onnx; the newer one needs onnxscript.
        torch.onnx.export(
            DetectionGraph(network, top_k).eval(),
            (example_images(config.size_multiple, size),),
            buffer,  # type: ignore[arg-type]  # the tracing exporter accepts it
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=axes if size is None else None,
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(model, metadata(config, int8=int8))
    return bytes(model.SerializeToString())


def metadata(config: SpotNetConfig, *, int8: bool = False) -> dict[str, str]:
    """Returns an exported model's metadata: `METADATA` for SpotStream, the rest for others."""
    return {
        METADATA: config.to_json(),
        "class_names": ",".join(config.class_names),
        "scale": f"{config.scale:g}",
        "size_multiple": str(config.size_multiple),
        "padding": config.padding,
        ARITHMETIC: "int8" if int8 else "float32",
    }


def config_of(path: Path, found: Mapping[str, str]) -> SpotNetConfig:
    """Reads the config from the metadata of an exported model.

    Raises:
        ConfigError: There is no config, because the model is not from ``spotstream export``, or the
            config cannot be used.
    """
    try:
        return SpotNetConfig.from_json(found[METADATA])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: its SpotNet config cannot be used: {error}") from error
    except KeyError as error:
        raise ConfigError(
            f"{path} holds no SpotNet config in its metadata; make it with spotstream export, or "
            f"{OTHER_NETWORK_ADVICE}"
        ) from error
