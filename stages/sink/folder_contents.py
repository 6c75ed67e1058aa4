"""Which results a folder holds; what a run may skip, refuse or remove."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from stages.atomic import final_path, part_path, remove_file, sync, sync_names, writing
from stages.errors import OutputError
from stages.result_files import (
    EVENTS,
    OVERLAY,
    REPORT,
    TEXTS,
    event_pictures,
    has_event_pictures,
    number_of,
)
from stages.sink.detrac import toolkit_paths

JOURNAL = ".journal.part"
"""What the sink was given, for a sink or a tracker that replaces one that died."""
CHECKPOINT = ".checkpoint.part"
"""State of a live stream's sink, as of a second ago; of any that was to end on a full disk."""
RUN = ".run.part"
"""What the run was started with, for whoever completes the results if it is killed."""
_OUTDATED = f".{REPORT}.outdated"
_SEGMENT = re.compile(r"\.overlay(-[0-9]+)?\.mp4\.[0-9]+\.part")
_OVERLAY_PART = re.compile(r"\.overlay(-[0-9]+)?\.mp4(\.[0-9]+)?\.part")
_SCRATCH = re.compile(
    r"\.(overlay(-[0-9]+)?\.mp4\.[0-9]+|journal|\.?(checkpoint|run)(\.part)?)\.part"
)


def folder_is_gone(folder: Path) -> OutputError:
    """Returns the error of a folder that is there no more, or is another one."""
    return OutputError(f"cannot write {folder}: the folder was removed or moved away")


def has_results(folder: Path) -> bool:
    """Whether a sink finished any file in ``folder``; leftovers of a crash do not count."""
    return any(path.is_file() for path in _result_paths(folder)) or has_event_pictures(folder)


def would_replace(folder: Path, source: Path) -> bool:
    """Whether results in ``folder`` would replace the file that they are made of."""
    return source.is_file() and any(
        path.exists() and path.samefile(source) for path in _result_paths(folder)
    )


def foreign_results(folder: Path) -> list[str]:
    """Names of files that look like results, where no run has left any trace but them."""
    traces = (REPORT, _OUTDATED, JOURNAL, CHECKPOINT, RUN)
    if unfinished_results(folder) or any((folder / name).exists() for name in traces):
        return []
    return [path.name for path in _result_paths(folder) if path.is_file()]


def outdate_report(folder: Path) -> None:
    """Renames ``run.json``, so that the results in ``folder`` do not pass for complete.

    Raises:
        OutputError: It cannot be renamed.
    """
    with writing(folder / REPORT), contextlib.suppress(FileNotFoundError):
        (folder / REPORT).rename(folder / _OUTDATED)


def empty_unfinished_overlays(folder: Path) -> None:
    """Empties the part files of overlays that are not finished.

    They stay, by which `OverlayWriter` knows that the overlays were not finished and taken away.

    Raises:
        OutputError: A file cannot be written.
    """
    for path in folder.iterdir():
        if _OVERLAY_PART.fullmatch(path.name):
            with writing(path):
                os.truncate(path, 0)


def sync_leftovers(folder: Path) -> None:
    """Forces to the disk what a later process begins from.

    Otherwise, after a power failure, it would begin before a file that has its name, which somebody
    may have taken away.

    Raises:
        OutputError: The file system refuses.
    """
    for name in (CHECKPOINT, JOURNAL):
        with writing(folder / name), contextlib.suppress(FileNotFoundError):
            sync(folder / name)
    with writing(folder):
        sync_names(folder)


def last_overlay(folder: Path) -> int:
    """The highest number of an overlay, finished or not; 0 where there is none."""
    finals = (
        path.with_name(_SEGMENT.sub(r"overlay\1.mp4", path.name)) for path in folder.iterdir()
    )
    return max((number_of(final, OVERLAY) for final in finals), default=0)


def unfinished_results(folder: Path) -> list[str]:
    """Names of the part files with results, rows or pictures, that a killed run left."""
    if not folder.is_dir():
        return []
    return [path.name for path in sorted(folder.iterdir()) if _is_unfinished(path)]


def _is_unfinished(path: Path) -> bool:
    text = final_path(path)
    is_text = text != path and any(number_of(text, name) for name in TEXTS)
    if not is_text and not _SEGMENT.fullmatch(path.name):
        return False
    return path.is_file() and path.stat().st_size > 0


def remove_results(folder: Path) -> None:
    """Removes what a sink writes into ``folder``, part files included, and nothing else.

    ``run.json`` goes first: without it, no leftovers pass for complete results. The outdated one
    goes after all results: without it, they would pass for `foreign_results`. The folder stays, and
    so do files under benchmark names, until new ones replace them.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in (*_result_paths(folder), *event_pictures(folder)):
        remove_file(path)
    remove_parts(folder)


def remove_event_pictures(folder: Path, after: int) -> None:
    """Removes the pictures of events in frames whose number is greater than ``after``.

    Those of earlier frames stay, even if it was a later one that told of them.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in event_pictures(folder):
        if int(path.name.partition("-")[0]) > after:
            remove_file(path)


def remove_parts(folder: Path) -> None:
    """Removes what a crashed sink left unfinished in ``folder``.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in _result_paths(folder):
        remove_file(part_path(path))
    for path in (folder / EVENTS).glob(".*.jpg.part"):
        remove_file(path)
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _SCRATCH.fullmatch(path.name):
                remove_file(path)


def _result_paths(folder: Path) -> Iterator[Path]:
    """Final names of all files a sink may write into ``folder``; some of them do not exist."""
    yield folder / REPORT
    yield from toolkit_paths(folder, folder.name)
    if folder.is_dir():
        for path in sorted({final_path(path) for path in folder.iterdir()}):
            if any(number_of(path, name) for name in (*TEXTS, OVERLAY)):
                yield path
    yield folder / _OUTDATED
