"""``spotstream calibrate``: weights ready for int8."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def calibrate(
    weights: Annotated[Path, typer.Argument(help="A .safetensors file, which is added to.")],
    images: Annotated[
        list[Path] | None,
        typer.Option(help="Image, or folder of images, as your cameras see; repeatable. Without: "
                     "rendered scenes."),
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="How many scenes are rendered.")] = 32,
) -> None:  # fmt: skip
    """Write into weights which values their features take, as detector.precision=int8 needs.

    Those that ship have it.
    """
    from tools.detect import image_paths
    from tools.exporting.calibration import calibrate as run

    files = [file for given in images or [] for file in image_paths(given)]
    with Console(stderr=True).status("loading") as status:
        count = run(weights, files, scenes, status.update)
    typer.echo(f"{weights}: ranges of {count} features, from {len(files) or scenes} pictures")
