"""``spotstream draw``: draws tracks from a file on a video."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from stages.errors import ConfigError, SourceError
from stages.wording import counted
from tools.commands.options import (
    CONFIG_HELP,
    Overrides,
    config_names,
    refuse_existing,
    refuse_inputs,
    writable,
)
from tools.console.interruption import end_stopped, interruptible
from tools.console.terminal import progress_bar

if TYPE_CHECKING:
    from stages.decoder.locations import SourceSpec
    from tools.drawing.drawing import TrackDrawing


def _video(path: Path) -> Path:
    """Refuses what is not the name of an MP4, or cannot be written."""
    if path.suffix != ".mp4":
        raise ConfigError(f"--output {path}: the video is an MP4; choose a name that ends in .mp4")
    writable(path)
    return path.resolve() if path.is_symlink() else path


def draw(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Video file, image folder, sequence or recording, as for run; NAME= before it "
            "names the stream.",
        ),
    ],
    tracks: Annotated[
        Path,
        typer.Option(
            help="Tracks or ground truth: a file in MOTChallenge's or UAVDT's format (.gz, too), "
            "a UA-DETRAC annotation (.xml), or the results of a run.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="MP4 to write.", readable=False, callback=_video)],
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"{CONFIG_HELP} Its sections decoder and sink say which frames to draw on, and "
            "how.",
            autocompletion=config_names,
        ),
    ] = None,
    set_: Overrides = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Draw tracks from a file on their video, as the overlay of a run shows them.

    For example, --set sink.overlay_trail=0 draws no trails.
    Ctrl-C completes the video with the frames drawn so far.
    """
    from pipeline.config_file import load_configs
    from pipeline.geometry import check_references
    from tools.drawing.drawing import TrackDrawing
    from tools.drawing.sources import refuse_in_source
    from tools.results.stored_tracks import read_tracks
    from tools.running.warnings import none_for_stream

    settings = load_configs(config or [], set_ or [])
    spec = _recorded(source)
    # Results of a run may have the drawn video beside them.
    refuse_inputs([output], [Path(spec.location), None if tracks.is_dir() else tracks])
    refuse_in_source(output, spec)
    refuse_existing(output, overwrite=overwrite)
    check_references(settings.decoder.reference)
    found = read_tracks(tracks, spec.name)
    with interruptible(sys.exit) as stops:
        with progress_bar() as bar:
            notify = _printer(bar.console)
            for warning in none_for_stream(settings, spec.name, ["decoder", "sink"]):
                notify(warning)
            if not len(found):
                notify(f"{tracks} has no tracks")
            drawing = TrackDrawing(spec, found, settings, notify)
            task = bar.add_task("frames", total=None)
            drawing.write(
                output,
                overwrite=overwrite,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                stopped=lambda: stops.count > 0,
            )
        _report(drawing, output, stopped=stops.count > 0)
    if stops.count:
        end_stopped()
    if drawing.breaks_off:
        raise typer.Exit(SourceError.exit_code)


def _printer(console: Console) -> Callable[[str], None]:
    """Returns a function that prints a message, above the bar, the first time it gets it."""
    printed = set[str]()

    def show(message: str) -> None:
        if message not in printed:
            printed.add(message)
            console.print(Text(f"spotstream: {message}"), soft_wrap=True)

    return show


def _recorded(source: str) -> SourceSpec:
    """Returns the one recorded stream that a source is."""
    from stages.decoder.locations import is_live
    from tools.drawing.sources import one_stream

    spec = one_stream(source)
    if is_live(spec.location):
        raise ConfigError(
            f"{spec.name} is live, and tracks in a file are of recorded video; run --record "
            "records it"
        )
    return spec


def _report(drawing: TrackDrawing, output: Path, *, stopped: bool) -> None:
    frames = counted(drawing.frames, "frame")
    if drawing.total is not None and stopped:
        frames = f"{drawing.frames} of {counted(drawing.total, 'frame')}"
    if not drawing.paths:
        typer.echo(f"{output} is not written: {frames}", err=True)
        return
    found = f"{counted(len(drawing.ids), 'track')}, {counted(drawing.boxes, 'box', 'boxes')}"
    typer.echo(f"{', '.join(map(str, drawing.paths))}: {found} in {frames}", err=stopped)
