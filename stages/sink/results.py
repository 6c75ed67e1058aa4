"""Which results a folder holds; what a run may skip, refuse or remove."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stages.atomic import output_error, part_path
from stages.result_files import DETECTIONS, REPORT, TRACKS
from stages.sink.detrac import toolkit_paths

JOURNAL = ".journal.part"
"""What the sink was given, for a sink or a tracker that replaces one that died."""
CHECKPOINT = ".checkpoint.part"
"""State of a live stream's sink, as of a second ago."""
_OVERLAY = re.compile(r"overlay(-[1-9][0-9]*)?\.mp4")
_SEGMENT = re.compile(r"\.overlay(-[0-9]+)?\.mp4\.[0-9]+\.part")
_OVERLAY_PART = re.compile(r"\.overlay(-[0-9]+)?\.mp4(\.[0-9]+)?\.part")
_SCRATCH = re.compile(r"\.(overlay(-[0-9]+)?\.mp4\.[0-9]+|journal|\.?checkpoint(\.part)?)\.part")


def overlay_name(part: int) -> str:
    """``overlay.mp4``; after a change of the frame size ``overlay-2.mp4`` and so on."""
    return "overlay.mp4" if part == 1 else f"overlay-{part}.mp4"


def has_results(folder: Path) -> bool:
    """Whether a sink finished any file in ``folder``; leftovers of a crash do not count."""
    return any(path.is_file() for path in _result_paths(folder))


def finished_overlays(folder: Path) -> list[str]:
    """Names of the overlays in ``folder`` that are complete, in the order of their frames."""
    names = [path.name for path in folder.iterdir() if _OVERLAY.fullmatch(path.name)]
    return sorted(names, key=lambda name: (len(name), name))


def remove_unfinished_overlays(folder: Path) -> None:
    """Removes the part files of overlays that are not finished.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in sorted(folder.iterdir()):
        if _OVERLAY_PART.fullmatch(path.name):
            _remove(path)


def unfinished_results(folder: Path) -> list[str]:
    """Names of the part files with results, rows or pictures, that a killed run left."""
    if not folder.is_dir():
        return []
    return [path.name for path in sorted(folder.iterdir()) if _is_unfinished(path)]


def _is_unfinished(path: Path) -> bool:
    texts = [part_path(path.with_name(name)) for name in (TRACKS, DETECTIONS)]
    if path not in texts and not _SEGMENT.fullmatch(path.name):
        return False
    return path.is_file() and path.stat().st_size > 0


def remove_results(folder: Path) -> None:
    """Removes what a sink writes into ``folder``, part files included, and nothing else.

    ``run.json`` goes first: without it, no leftovers pass for complete results. The folder stays,
    and so do files under benchmark names, until new ones replace them.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in _result_paths(folder):
        _remove(path)
    remove_parts(folder)


def remove_parts(folder: Path) -> None:
    """Removes what a crashed sink left unfinished in ``folder``.

    Raises:
        OutputError: A file cannot be removed.
    """
    for path in _result_paths(folder):
        _remove(part_path(path))
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _SCRATCH.fullmatch(path.name):
                _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _result_paths(folder: Path) -> Iterator[Path]:
    """Final names of all files a sink may write into ``folder``, whether they exist or not."""
    yield from (folder / name for name in (REPORT, TRACKS, DETECTIONS))
    yield from toolkit_paths(folder, folder.name)
    if folder.is_dir():
        names = {re.sub(r"^\.(.*)\.part$", r"\1", path.name) for path in folder.iterdir()}
        yield from (folder / name for name in sorted(names) if _OVERLAY.fullmatch(name))
