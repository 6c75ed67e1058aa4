"""``spotstream complete``: completes the results of runs that were killed."""

from __future__ import annotations

import contextlib
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
    folders = [folder.absolute() for folder in folders]
    outcomes = [outcome for folder in folders for outcome in _complete(folder)]
    if not outcomes:
        where = folders[0] if len(folders) == 1 else f"{len(folders)} folders"
        typer.echo(f"{where}: nothing to complete")
    failures = [outcome for outcome in outcomes if outcome is not None]
    for failure in failures[:-1]:
        typer.echo(f"spotstream: {failure}", err=True)
    if failures:
        raise failures[-1]


def _complete(folder: Path) -> Iterator[OutputError | None]:
    """Completes all streams in ``folder``, or the one stream whose folder it is.

    Yields:
        For each incomplete stream, the error that kept it from being completed, or None.
    """
    from pipeline.workers.recovery import has_leftovers
    from stages.atomic import writing

    for stream in (folder, *sorted(folder.iterdir())):
        try:
            with writing(stream):
                if not has_leftovers(stream):
                    continue
            _complete_stream(stream)
            yield None
        except OutputError as error:
            yield error


def _complete_stream(folder: Path) -> None:
    from pipeline.supervision.runtime_folder import writer_of
    from pipeline.workers.recovery import complete_results, remove_if_complete
    from stages.folder_lock import FolderLock
    from stages.wording import counted

    # A pipeline locks its --output: if the stream is a link, that is the folder of the link or of
    # its target.
    outputs = {folder.parent.resolve(), folder.resolve().parent}
    with contextlib.ExitStack() as locks:
        for output in outputs:
            locks.callback(FolderLock(output, setting="folder", holder=writer_of).release)
        if remove_if_complete(folder):
            typer.echo(f"{folder}: complete already, nothing is lost; leftovers removed")
            return
        report = complete_results(folder, lambda line: typer.echo(line, err=True))
    if report is None:
        typer.echo(f"{folder}: no frame had come")
        return
    ledger, (status, _) = report.ledger, report.outcome
    frames, tracks = counted(ledger.written, "frame"), counted(ledger.tracks, "track")
    typer.echo(f"{folder}: {status.value}, {frames}, {tracks}")
