"""Finds the rows of a stream's text results that a power failure destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stages.atomic import final_path, part_path
from stages.result_files import DETECTIONS, GROUND, KITTI, TIMES, TRACKS, VIEWS, number_of, numbered
from stages.sink.text_results import TextExtent, TextState

_BY_FRAME = {TRACKS, DETECTIONS, GROUND, KITTI, VIEWS}


def without_lost_rows(
    folder: Path, names: Sequence[str], state: TextState
) -> tuple[TextState, int]:
    """Returns ``state`` as of the last frame that is complete in the files, and what is lost.

    A killed process leaves all rows that its state covers. After a power failure, the latest files
    and earlier ones without final names may be shorter than the state says, each by a different
    length, or end in zeros.

    Args:
        folder: Folder of the files.
        names: Their names, without numbers, in the order of the sizes in ``state``.
        state: A state that may cover more rows than the files have.

    Returns:
        The state, and how many of its frames are missing from the files.

    Raises:
        OSError: A file cannot be read.
    """
    unnamed = tuple(
        _remaining_extent(folder, names, number, extent)
        if all(_existing(folder / numbered(name, number)) for name in names)
        else extent  # the files got their final names and were moved away
        for number, extent in state.numbered_unnamed
    )
    latest = _remaining_extent(folder, names, state.number, state.latest)
    frames = sum(extent.frames for extent in (*state.unnamed, state.latest))
    kept = sum(extent.frames for extent in (*unnamed, latest))
    return replace(state, unnamed=unnamed, latest=latest), frames - kept


def _remaining_extent(
    folder: Path, names: Sequence[str], number: int, extent: TextExtent
) -> TextExtent:
    sizes = dict(zip(names, extent.sizes, strict=True))
    contents = {
        name: _whole_lines(folder / numbered(name, number), size) for name, size in sizes.items()
    }
    short = {name for name in names if len(contents[name]) < sizes[name]}
    if not short:
        return extent
    last = _last_frame(contents[TIMES])
    for name in short & _BY_FRAME:
        last = min(last, _last_frame(contents[name]) - 1)  # rows of its last frame may be missing
    for name in {*_BY_FRAME, TIMES}.intersection(names):
        contents[name] = _up_to(contents[name], last)
    kept = tuple(len(contents[name]) for name in names)
    return TextExtent(contents[TIMES].count(b"\n"), kept)


def frames_from(folder: Path, number: int) -> int:
    """Returns how many frames the text results have in the files of this and later numbers.

    Raises:
        OSError: A file cannot be read.
    """
    finals = {final_path(path) for path in folder.iterdir()}
    return sum(
        _whole_lines(path).count(b"\n") for path in finals if number_of(path, TIMES) >= number
    )


def _existing(path: Path) -> Path | None:
    """Returns the part file of ``path``, or else the file itself; None if neither exists."""
    return next((each for each in (part_path(path), path) if each.exists()), None)


def _whole_lines(path: Path, size: int = -1) -> bytes:
    if (existing := _existing(path)) is None:
        return b""
    with existing.open("rb") as file:
        content = file.read(size)
    written, _, _ = content.partition(b"\0")
    return written[: written.rfind(b"\n") + 1]


def _last_frame(rows: bytes) -> int:
    """Returns the frame number of the last row; 0 without rows."""
    lines = rows.splitlines()
    return _frame(lines[-1]) if lines else 0


def _up_to(rows: bytes, last: int) -> bytes:
    """Returns the rows of frames up to ``last``."""
    return b"".join(row for row in rows.splitlines(keepends=True) if _frame(row) <= last)


def _frame(row: bytes) -> int:
    """Returns a row's 1-based frame; KITTI's rows, separated by spaces, count from 0."""
    if b"," in row:
        return int(row.partition(b",")[0])
    return int(row.partition(b" ")[0]) + 1
