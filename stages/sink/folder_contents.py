"""Finds the results in a folder, which a run may skip, refuse or remove."""

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
    text_number,
)
from stages.sink.detrac import toolkit_paths

JOURNAL = ".journal.part"
"""The records that the sink received, for a sink or tracker that replaces one that died."""
CHECKPOINT = ".checkpoint.part"
"""State of a live stream's sink, saved about every second, or of any that ended on a full disk."""
RUN = ".run.part"
"""What the run was started with, to complete the results if the run is killed."""
_OUTDATED = f".{REPORT}.outdated"
_SEGMENT = re.compile(r"\.overlay(-[0-9]+)?\.mp4\.[0-9]+\.part")
_OVERLAY_PART = re.compile(r"\.overlay(-[0-9]+)?\.mp4(\.[0-9]+)?\.part")
_SCRATCH = re.compile(
    r"\.(overlay(-[0-9]+)?\.mp4\.[0-9]+|journal|\.?(checkpoint|run)(\.part)?)\.part"
)


def folder_is_gone(folder: Path) -> OutputError:
    """Returns the error for a folder that no longer exists, or has been replaced."""
    return OutputError(f"cannot write {folder}: the folder was removed or moved away")


def has_results(folder: Path) -> bool:
    """Returns whether a sink finished any file in ``folder``; leftovers of a crash do not count."""
    return any(path.is_file() for path in _result_paths(folder)) or has_event_pictures(folder)


def would_replace(folder: Path, source: Path) -> bool:
    """Returns whether results in ``folder`` would replace the file that they are made from."""
    return source.is_file() and any(
        path.exists() and path.samefile(source) for path in _result_paths(folder)
    )


def foreign_results(folder: Path) -> list[str]:
    """Returns names of files that look like results, if there is no other trace of a run."""
    traces = (REPORT, _OUTDATED, JOURNAL, CHECKPOINT, RUN)
    if unfinished_results(folder) or any((folder / name).exists() for name in traces):
        return []
    return [path.name for path in _result_paths(folder) if path.is_file()]


def outdate_report(folder: Path) -> None:
    """Renames ``run.json``, so that the results in ``folder`` no longer count as complete.

    Raises:
        OutputError: The file cannot be renamed.
    """
    with writing(folder / REPORT), contextlib.suppress(FileNotFoundError):
        (folder / REPORT).rename(folder / _OUTDATED)


def empty_unfinished_overlays(folder: Path) -> None:
    """Empties the part files of overlays that are not finished.

    The empty files stay. Without them, `OverlayWriter` would conclude that the overlays were
    finished and then moved away.

    Raises:
        OutputError: A file cannot be written.
    """
    for path in folder.iterdir():
        if _OVERLAY_PART.fullmatch(path.name):
            with writing(path):
                os.truncate(path, 0)


def sync_leftovers(folder: Path) -> None:
    """Forces the checkpoint and the journal, from which a later process continues, to the disk.

    Otherwise, after a power failure, that process would continue from before a file that has its
    final name and may have been moved away.

    Raises:
        OutputError: The file system refuses.
    """
    for name in (CHECKPOINT, JOURNAL):
        with writing(folder / name), contextlib.suppress(FileNotFoundError):
            sync(folder / name)
    with writing(folder):
        sync_names(folder)


def last_overlay(folder: Path) -> int:
    """Returns the highest number of an overlay, finished or not; 0 if there is none."""
    finals = (
        path.with_name(_SEGMENT.sub(r"overlay\1.mp4", path.name)) for path in folder.iterdir()
    )
    return max((number_of(final, OVERLAY) for final in finals), default=0)


def unfinished_results(folder: Path) -> list[str]:
    """Returns the names of non-empty part files of texts and overlays that a killed run left."""
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
    """Removes the files that a sink writes into ``folder``, and no others.

    Part files and compressed copies of texts are removed with them. ``run.json`` is removed first:
    without it, leftovers do not count as complete results. The outdated one is removed after all
    results: without it, they would count as `foreign_results`.
    The folder stays, and so do files with benchmark names, until new ones replace them.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in (*_result_paths(folder), *event_pictures(folder)):
        remove_file(path)
    remove_parts(folder)


def remove_event_pictures(folder: Path, after: int) -> None:
    """Removes the pictures of events in frames whose number is greater than ``after``.

    Pictures of earlier frames stay, even if their event was only confirmed in a later frame.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in event_pictures(folder):
        if int(path.name.partition("-")[0]) > after:
            remove_file(path)


def remove_parts(folder: Path) -> None:
    """Removes the unfinished files that a crashed sink left in ``folder``.

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
    """Yields the final names of all files a sink may write into ``folder``, existing or not.

    They include compressed copies of texts, since the tables and maps of a run are made from both.
    """
    yield folder / REPORT
    yield from toolkit_paths(folder, folder.name)
    if folder.is_dir():
        for path in sorted({final_path(path) for path in folder.iterdir()}):
            if any(text_number(path, name) for name in TEXTS) or number_of(path, OVERLAY):
                yield path
    yield folder / _OUTDATED
