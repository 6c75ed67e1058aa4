"""Writes the detector, pixels in and boxes out, in the formats of other programs."""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import torch

from stages.atomic import replacing, sync
from stages.detector.engines.graph import DetectionGraph, example_images
from stages.detector.engines.onnx_graph import metadata, onnx_model
from stages.detector.engines.openvino_engine import openvino_model
from stages.detector.preprocessing import input_geometry
from stages.detector.spotnet import SpotNet
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, OutputError
from stages.extras import require

ExportFormat: TypeAlias = Literal["onnx", "openvino", "torchscript"]
SUFFIXES: dict[ExportFormat, str] = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "torchscript": ".torchscript",
}


def export(
    weights: Path,
    format: ExportFormat,
    output: Path,
    frame_size: tuple[int, int] | None = None,
    *,
    int8: bool = False,
) -> list[Path]:
    """Exports the detector of a weights file; files appear only when complete.

    Args:
        weights: SpotNet weights file.
        format: File format. OpenVINO's has two files: ``.xml`` and, next to it, ``.bin``.
        output: File to write, with the suffix of the format.
        frame_size: Width and height of the frames, which determine the input size; None for a
            model that takes images and batches of any size.
        int8: Whether convolutions are in 8 bits; not for TorchScript.

    Returns:
        The files written.

    Raises:
        ConfigError: The weights do not load or cannot run in int8, the suffix is another
            format's, a package is missing, or there is too little memory for ``frame_size``.
        OutputError: The files cannot be written.
    """
    if output.suffix != SUFFIXES[format]:
        raise ConfigError(f"a file of format {format} must end in {SUFFIXES[format]}, got {output}")
    if int8 and format == "torchscript":
        raise ConfigError("--int8 is for formats onnx and openvino, got torchscript")
    network = load_network(weights)
    size = None
    if frame_size is not None:
        width, height = frame_size
        geometry = input_geometry(height, width, network.config, network.config.scale)
        size = geometry.height, geometry.width
    try:
        save = _traced(network, format, size, int8=int8)
    except RuntimeError as error:
        if frame_size is None or "memory" not in str(error):
            raise
        width, height = frame_size
        raise ConfigError(
            f"frames of {width}x{height} need more memory than there is; export for smaller "
            f"frames, or for any size by leaving --size out"
        ) from error
    if format == "openvino":
        return _write_pair(output, save)
    with replacing(output) as part:
        save(part)
    return [output]


def _traced(
    network: SpotNet, format: ExportFormat, size: tuple[int, int] | None, *, int8: bool
) -> Callable[[Path], object]:
    """Returns a function that writes the network to a file."""
    if format == "onnx":
        model = onnx_model(network, size, int8=int8)
        return lambda path: path.write_bytes(model)
    if format == "openvino":
        openvino = require("openvino", "openvino", "--format openvino")
        converted = openvino_model(openvino.Core(), network, size, int8=int8)
        return lambda path: openvino.save_model(converted, str(path), compress_to_fp16=False)
    example = example_images(network.config.size_multiple, size)
    graph = DetectionGraph(network).eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about every constant
        traced = torch.jit.trace(graph, example)
    extra = metadata(network.config)
    buffer = io.BytesIO()  # torch itself ends the process if the disk is full
    torch.jit.save(traced, buffer, _extra_files=extra)
    return lambda path: path.write_bytes(buffer.getbuffer())


def _write_pair(output: Path, save: Callable[[Path], object]) -> list[Path]:
    """Lets ``save`` write OpenVINO's two files, the ``.xml`` and the ``.bin`` that belongs to it.

    They replace older ones together: a ``.bin`` never lies next to the ``.xml`` of another export.
    """
    weights = output.with_suffix(".bin")
    with replacing(output) as part, replacing(weights) as weights_part:
        aside = part.with_name(f"{part.name}{output.suffix}")  # the suffix that OpenVINO requires
        try:
            save(aside)
            shutil.copyfile(aside, part)  # into the file that is locked
            shutil.copyfile(aside.with_suffix(".bin"), weights_part)
        except RuntimeError as error:  # raised by OpenVINO on a full disk
            reason = str(error).strip().splitlines()[-1]
            raise OutputError(f"cannot write {output}: {reason}") from error
        finally:
            for file in (aside, aside.with_suffix(".bin")):
                file.unlink(missing_ok=True)
        sync(part)
        sync(weights_part)
        output.resolve().unlink(missing_ok=True)
    return [output, weights]
