"""``spotstream track``: tracks from detection files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stages.wording import counted
from tools.commands.options import (
    CONFIG_HELP,
    TrackerSettings,
    config_names,
    tracker_names,
    writable,
    writable_folder,
)


def track(
    detections: Annotated[
        Path,
        typer.Option(
            help="UA-DETRAC, MOT or UAVDT detection file (.gz), or a folder of them or of results."
        ),
    ],
    output: Annotated[
        Path, typer.Option(help="MOT result file or folder to write.", readable=False)
    ],
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"{CONFIG_HELP} Default: SORT with its defaults.", autocompletion=config_names
        ),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(
            help="Use this tracker, not the config's: sort, bytetrack, ocsort, spottrack, or "
            "package.module:Class of your own.",
            autocompletion=tracker_names,
        ),
    ] = None,
    set_: TrackerSettings = None,
    frame_size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT. Default: the run's, else that of the format's benchmark."),
    ] = None,
    fill: Annotated[int, typer.Option(min=0, help="Fill gaps of up to N frames afterwards.")] = 0,
) -> None:
    """Track the objects in detection files, without video or extra processes."""
    import numpy as np

    from pipeline.config_file import load_configs
    from stages.detector.file_warnings import warnings_of_files
    from tools.commands.frame_size import parse_frame_size
    from tools.tracking.track_files import track_file, track_folder
    from tools.tracking.tracker_choice import check_tracker
    from tools.tracking.weak_detections import keeps_weak, warning_of_weak

    (writable_folder if detections.is_dir() else writable)(output)
    overrides = [f"tracker.settings.{setting}" for setting in set_ or []]
    if tracker is not None:
        check_tracker(tracker)
        overrides.append(f"tracker.name={tracker}")
    chosen = load_configs(config or [], overrides).tracker
    name, settings = chosen.name, chosen.settings
    size = None if frame_size is None else parse_frame_size(frame_size, "--frame-size")

    if detections.is_dir():
        summaries = track_folder(detections, output, name, settings, size, fill)
    else:
        summaries = iter([track_file(detections, output, name, settings, size, fill)])
    found = []
    for summary in summaries:
        found.append(summary)
        typer.echo(
            f"{summary.output}: {counted(summary.tracks, 'track')}, "
            f"{counted(summary.boxes, 'box', 'boxes')} in "
            f"{counted(summary.frames, 'frame')}, {summary.frames_per_second:.0f} frames/s "
            f"by {name}"
        )

    for warning in warnings_of_files((summary.detections, summary.warnings) for summary in found):
        typer.echo(warning, err=True)
    if keeps_weak(name, settings):
        scores = np.concatenate([summary.scores for summary in found])
        if weak := warning_of_weak(scores, "--config intersection, --config uav"):
            typer.echo(weak, err=True)
