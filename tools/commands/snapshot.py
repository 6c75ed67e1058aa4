"""``spotstream snapshot``: a picture of a source's view, with the shapes of a config."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stages.background import in_background
from tools.commands.options import (
    CONFIG_HELP,
    Overrides,
    config_names,
    refuse_existing,
    refuse_inputs,
    writable_image,
)
from tools.console.interruption import ended_at_once


def snapshot(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Video file, image folder, sequence, recording or URL, as for run; NAME= before "
            "it names the stream.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Image to write, such as .png or .jpg.", readable=False, callback=writable_image
        ),
    ],
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"{CONFIG_HELP} Its lines, zones, ground points and regions are drawn.",
            autocompletion=config_names,
        ),
    ] = None,
    set_: Overrides = None,
    plain: Annotated[
        bool, typer.Option(help="Draw nothing on the frame, as decoder.reference needs it.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Write a frame of a source with pixel coordinates, lines, zones, ground points and regions.

    For example, --set decoder.first_frame=250 takes frame 250 of a video.
    A camera gives the first frame received.
    """
    from pipeline.config_file import load_configs
    from pipeline.geometry import check_references
    from tools.drawing.shapes import shapes_on
    from tools.drawing.sources import first_frame, one_stream, refuse_in_source
    from tools.drawing.view import draw_view
    from tools.image_writing import write_image
    from tools.running.warnings import none_for_stream

    settings = load_configs(config or [], set_ or [])
    if not plain:
        check_references(settings.decoder.reference)
    spec = one_stream(source)
    refuse_inputs([output], [Path(spec.location), *(config or [])])
    refuse_in_source(output, spec)
    refuse_existing(output, overwrite=overwrite)

    def notify(message: str) -> None:
        typer.echo(f"spotstream: {message}", err=True)

    for warning in none_for_stream(settings, spec.name):
        notify(warning)
    with ended_at_once():
        # In a thread: Python handles no signal while FFmpeg waits for a camera.
        reading = in_background(partial(first_frame, spec, settings.decoder, notify))
        header, image = reading.result()
    if not plain:
        draw_view(image, shapes_on(image, settings, spec.name, notify), notify)
    write_image(output, image)
    size = f"{header.width}x{header.height}"
    typer.echo(f"{output}: frame {header.number} of {spec.name}, {size} pixels")
