"""``spotstream maps``: pictures of where vehicles drive and stand."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stages.errors import ConfigError, SourceError
from stages.wording import counted
from tools.commands.options import ResultsFolders, writable_folder
from tools.terminal import activity

if TYPE_CHECKING:
    from stages.records import UInt8Array


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
            "Default: the scene in the overlays, without moving objects.",
        ),
    ] = None,
) -> None:
    """Draw where the vehicles of fixed cameras drive, which way, and where they stand."""
    from stages.decoder.image_file import read_image
    from stages.decoder.locations import split_name
    from stages.result_files import TRACKS, folder_name
    from tools.datasets.image_writing import write_image
    from tools.mapping.drawing import flow_map, heat_map
    from tools.mapping.stream import traffic_of
    from tools.result_rows import folders_with, stream_of

    given: dict[str, UInt8Array] = {}
    for text in picture or []:
        name, file = split_name(text)
        if name in given:
            raise ConfigError(f"--picture is given twice for {name or 'all streams'}")
        given[name] = read_image(file)
    streams: defaultdict[str, list[Path]] = defaultdict(list)
    for folder in folders_with([TRACKS], folders):
        streams[stream_of(folder)].append(folder)
    if not streams:
        raise ConfigError(f"no tracks ({TRACKS}) in {', '.join(map(str, folders))}")
    if unknown := given.keys() - streams.keys() - {""}:
        there = ", ".join(sorted(streams))
        raise ConfigError(f"--picture: no stream {min(unknown)}; there are {there}")
    failed: ConfigError | SourceError | None = None
    for name, runs in sorted(streams.items()):
        try:
            with activity("reading") as update:
                update(f"reading {name}")
                traffic, scene = traffic_of(name, runs, given.get(name, given.get("")))
        except (ConfigError, SourceError) as error:  # the other streams still get maps
            if failed is not None:
                typer.echo(f"spotstream: {failed}", err=True)
            failed = error
            continue
        file = folder_name(name)  # equal to the name, unless the report was edited
        for kind, draw in (("flow", flow_map), ("heat", heat_map)):
            write_image(output / f"{file}-{kind}.jpg", draw(traffic, scene), jpeg_quality=90)
        boxes = counted(traffic.boxes, "box", "boxes", form=",")
        of = f", of {len(runs)} runs" if len(runs) > 1 else ""
        drawn = f"{int(traffic.stay.sum()):,} of {boxes} drawn"
        typer.echo(f"{output / file}-flow.jpg, -heat.jpg: {drawn}{of}")
    if failed is not None:
        raise failed
