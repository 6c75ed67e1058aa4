"""What a power failure took from the text results of a stream, and how far the rest goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stages.atomic import final_path, part_path
from stages.result_files import DETECTIONS, GROUND, KITTI, TIMES, TRACKS, number_of, numbered
from stages.sink.text_results import TextState

_BY_FRAME = {TRACKS, DETECTIONS, GROUND, KITTI}


def without_lost_rows(
    folder: Path, names: Sequence[str], state: TextState
) -> tuple[TextState, int]:
    """Returns ``state`` as of the last frame that is whole in the latest files, and what is lost.

    A process that is killed leaves all rows that its state knows of. After a power failure the
    files may be shorter than the state says, each by another length, or end in zeros.

    Args:
        folder: Where the files are.
        names: Their names, without numbers, in the order of ``state.sizes``.
        state: A state that may know of more rows than the files have.

    Returns:
        The state, and how many of its frames the files lack.

    Raises:
        OSError: A file cannot be read.
    """
    sizes = dict(zip(names, state.sizes, strict=True))
    contents = {
        name: _whole_lines(folder / numbered(name, state.number), size)
        for name, size in sizes.items()
    }
    short = {name for name in names if len(contents[name]) < sizes[name]}
    if not short:
        return state, 0
    last = _last_frame(contents[TIMES])
    for name in short & _BY_FRAME:
        last = min(last, _last_frame(contents[name]) - 1)  # of the latest, rows may be missing
    for name in {*_BY_FRAME, TIMES}.intersection(names):
        contents[name] = _up_to(contents[name], last)
    frames = contents[TIMES].count(b"\n")
    kept = tuple(len(contents[name]) for name in names)
    return replace(state, sizes=kept, frames=frames), state.frames - frames


def frames_from(folder: Path, number: int) -> int:
    """How many frames the text results have in the files of this number and of later ones.

    Raises:
        OSError: A file cannot be read.
    """
    finals = {final_path(path) for path in folder.iterdir()}
    return sum(
        _whole_lines(path).count(b"\n") for path in finals if number_of(path, TIMES) >= number
    )


def _whole_lines(path: Path, size: int = -1) -> bytes:
    part = part_path(path)
    try:
        with (part if part.exists() else path).open("rb") as file:
            content = file.read(size)
    except FileNotFoundError:
        return b""
    written, _, _ = content.partition(b"\0")
    return written[: written.rfind(b"\n") + 1]


def _last_frame(rows: bytes) -> int:
    """Frame number of the last row; 0 without rows."""
    lines = rows.splitlines()
    return _frame(lines[-1]) if lines else 0


def _up_to(rows: bytes, last: int) -> bytes:
    """The rows of frames up to ``last``; they are in the order of frames."""
    return b"".join(row for row in rows.splitlines(keepends=True) if _frame(row) <= last)


def _frame(row: bytes) -> int:
    """Its 1-based frame; that of KITTI's rows, which have spaces for commas, counts from 0."""
    if b"," in row:
        return int(row.partition(b",")[0])
    return int(row.partition(b" ")[0]) + 1
