"""``spotstream complete``: completes the results of runs that were killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from stages.errors import OutputError


def complete(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR",
            help="Results folders (--output of a run), or folders of single streams.",
            exists=True,
            file_okay=False,
        ),
    ],
) -> None:
    """Complete the results that a killed run or a power failure left unfinished."""
    failures = [failure for folder in folders for failure in _complete(folder)]
    for failure in failures[:-1]:
        typer.echo(f"spotstream: {failure}", err=True)
    if failures:
        raise failures[-1]


def _complete(folder: Path) -> Iterator[OutputError]:
    """Completes all streams in ``folder``, or the one whose folder it is; yields what fails."""
    from pipeline.supervision.runtime_folder import writer_of
    from pipeline.workers.recovery import is_unfinished
    from stages.folder_lock import FolderLock

    output, streams = folder, [each for each in sorted(folder.iterdir()) if is_unfinished(each)]
    if is_unfinished(folder):
        output, streams = folder.resolve().parent, [folder]
    if not streams:
        typer.echo(f"{folder}: nothing to complete")
        return
    try:
        lock = FolderLock(output, setting="folder", holder=writer_of)
    except OutputError as error:
        yield error
        return
    for stream in streams:
        try:
            _complete_stream(stream)
        except OutputError as error:
            yield error
    lock.release()


def _complete_stream(folder: Path) -> None:
    from pipeline.workers.recovery import complete_results
    from stages.wording import counted

    report = complete_results(folder, lambda line: typer.echo(line, err=True))
    if report is None:
        typer.echo(f"{folder}: no frame had come")
        return
    frames, tracks = counted(report.frames_out, "frame"), counted(report.tracks, "track")
    typer.echo(f"{folder}: {report.status.value}, {frames}, {tracks}")
