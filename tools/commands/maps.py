"""``spotstream maps``: pictures of where vehicles drive and stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stages.errors import ConfigError, SourceError
from stages.wording import counted
from tools.commands.options import (
    ResultsFolders,
    by_stream,
    refuse_inputs,
    refuse_unknown,
    writable_folder,
)
from tools.console.terminal import activity

_DRAWN = ("flow", "heat")


def maps(
    folders: ResultsFolders,
    output: Annotated[
        Path,
        typer.Option(help="Folder for NAME-flow.jpg and NAME-heat.jpg.", callback=writable_folder),
    ],
    picture: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Picture of the scene, of all streams or of one, in the size of the frames. "
            "Default: the picture on which the frames of a moving camera were found "
            "(decoder.reference), or else the scene in the overlays, without moving objects.",
        ),
    ] = None,
) -> None:
    """Draw where vehicles drive, which way, and where they stand."""
    from stages.decoder.image_file import read_image
    from stages.decoder.locations import split_name
    from stages.result_files import TRACKS, folder_name
    from tools.image_writing import write_image
    from tools.mapping.drawing import flow_map, heat_map
    from tools.mapping.stream import traffic_of
    from tools.results.reference import newer_pictures
    from tools.results.rows import of_runs, runs_by_stream

    given = by_stream(picture or [], "--picture", read_image)
    streams = runs_by_stream(folders, [TRACKS])
    if not streams:
        raise ConfigError(f"no tracks ({TRACKS}) in {', '.join(map(str, folders))}")
    refuse_unknown(given, streams, "--picture")
    drawn_as = {name: folder_name(name) for name in streams}  # equal, unless a report was edited
    files = (output / f"{file}-{kind}.jpg" for file in drawn_as.values() for kind in _DRAWN)
    refuse_inputs(files, (Path(split_name(text)[1]) for text in picture or []))
    failed: ConfigError | SourceError | None = None
    for name, runs in streams.items():
        try:
            for warning in newer_pictures(runs):
                typer.echo(f"spotstream: {warning}", err=True)
            with activity("reading") as update:
                update(f"reading {name}")
                traffic, scene = traffic_of(name, runs, given.get(name, given.get("")))
        except (ConfigError, SourceError) as error:  # the other streams still get maps
            if failed is not None:
                typer.echo(f"spotstream: {failed}", err=True)
            failed = error
            continue
        file = drawn_as[name]
        for kind, draw in zip(_DRAWN, (flow_map, heat_map), strict=True):
            write_image(output / f"{file}-{kind}.jpg", draw(traffic, scene), jpeg_quality=90)
        boxes = counted(traffic.boxes, "box", "boxes", form=",")
        drawn = f"{int(traffic.stay.sum()):,} of {boxes} drawn"
        typer.echo(f"{output / file}-flow.jpg, -heat.jpg: {drawn}{of_runs(runs)}")
    if failed is not None:
        raise failed
