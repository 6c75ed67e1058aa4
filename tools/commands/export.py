"""``spotstream export``: exports the detector for another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands.options import Weights, refuse_inputs, writable


def export(
    format: Annotated[
        Literal["onnx", "openvino", "torchscript"], typer.Option(help="File format.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="File to write: .onnx, .xml (with a .bin file), .torchscript.", callback=writable
        ),
    ],
    weights: Weights = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Size of frames before scaling, WIDTHxHEIGHT. Default: any size, any batch."
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="8-bit convolutions; onnx and openvino only. See calibrate."),
    ] = False,
) -> None:
    """Export the detector, pixels in and boxes out, for another engine.

    To run an .onnx or .xml file: spotstream run --set detector.weights=FILE.
    """
    refuse_inputs([output], [weights])
    from stages.detector.shipped import find_weights
    from tools.commands.frame_size import parse_frame_size
    from tools.exporting.formats import export as write

    frame_size = None if size is None else parse_frame_size(size, "--size")
    files = write(find_weights(weights), format, output, frame_size, int8=int8)
    for file in files:
        typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
