"""``spotstream export``: the detector as a file for another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    format: Annotated[
        Literal["onnx", "openvino", "torchscript"], typer.Option(help="Of the file.")
    ],
    output: Annotated[
        Path, typer.Option(help="File to write: .onnx, .xml (a .bin goes beside it), .torchscript.")
    ],
    weights: Annotated[
        Path | None,
        typer.Option(help="A weights file, or the name of one that ships."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the frames. Without: any, and any batch.")
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="8-bit convolutions; onnx and openvino. See calibrate."),
    ] = False,
) -> None:
    """Write the detector, pixels in and boxes out, for another engine.

    A run takes an .onnx or .xml file as --set detector.weights=FILE.
    """
    from stages.detector.shipped import find_weights
    from tools.exporting.formats import export as write
    from tools.frame_size import parse_frame_size

    frame_size = None if size is None else parse_frame_size(size, "--size")
    files = write(find_weights(weights), format, output, frame_size, int8=int8)
    for file in files:
        typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
