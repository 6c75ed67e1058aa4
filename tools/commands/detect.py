"""``spotstream detect``: detects vehicles in images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stages.errors import SourceError
from stages.wording import counted
from tools.commands.options import CONFIG_HELP, Overrides, config_names, refuse_inputs, writable


def detect(
    images: Annotated[list[Path], typer.Argument(help="Images or folders of images.")],
    output: Annotated[
        Path,
        typer.Option(
            help="COCO results file to write; image and class by file_name and category.",
            callback=writable,
        ),
    ] = Path("detections.json"),
    config: Annotated[
        Path | None, typer.Option(help=CONFIG_HELP, autocompletion=config_names)
    ] = None,
    set_: Overrides = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            help="COCO annotation file whose image_id and category_id the results get as well."
        ),
    ] = None,
) -> None:
    """Detect vehicles in images. Unreadable images are reported at the end, with exit status 3.

    Without --config, scores of 0.01 and more count, as AP needs.
    """
    from stages.atomic import write_atomically
    from tools.detect import detect_images

    refuse_inputs([output], [*images, ids])
    unreadable: list[str] = []
    try:
        results = detect_images(images, config, set_ or [], unreadable.append, ids)
        write_atomically(output, json.dumps(results, indent=1) + "\n")
        typer.echo(f"{output}: {counted(len(results), 'detection')}")
    finally:
        for message in unreadable:
            typer.echo(f"spotstream: {message}", err=True)
    if unreadable:
        raise typer.Exit(SourceError.exit_code)
