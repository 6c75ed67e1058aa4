"""``spotstream calibrate``: prepares weights for int8."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stages.wording import counted
from tools.console.terminal import activity


def calibrate(
    weights: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .safetensors file; updated in place.")
    ],
    images: Annotated[
        list[Path] | None,
        typer.Option(help="Image or folder of images like those of your cameras; may be repeated. "
                     "Default: rendered scenes."),
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Number of scenes to render.")] = 32,
) -> None:  # fmt: skip
    """Store feature value ranges in a weights file, for computation in int8.

    Unreadable images are left out. The weights that ship have them already.
    """
    from tools.detection.images import image_paths
    from tools.exporting.calibration import calibrate as run

    files = [file for given in images or [] for file in image_paths(given)]
    left_out: list[str] = []
    try:
        with activity("loading") as update:
            count = run(weights, left_out.append, files, scenes, update)
    finally:
        for message in left_out:
            typer.echo(f"left out: {message}", err=True)
    used = counted(len(files) - len(left_out) if files else scenes, "image")
    typer.echo(f"{weights}: ranges of {counted(count, 'feature')}, from {used}")
