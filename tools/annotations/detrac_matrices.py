"""Reads the matrices in which UA-DETRAC's toolkit keeps tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.errors import ConfigError
from stages.number_table import BeyondSequenceError, NumberTable
from stages.sink.detrac import TOOLKIT_SUFFIXES, toolkit_paths
from stages.wording import counted
from tools.annotations.trajectories import Trajectories

_END = f"_{TOOLKIT_SUFFIXES[0]}.txt"


def matrix_paths(folder: Path, name: str) -> tuple[Path, ...]:
    """Returns the four matrices of a sequence; the first is ``NAME_LX.txt``."""
    return toolkit_paths(folder, name)[:-1]  # the last has the speed


def is_matrix(path: Path) -> bool:
    """Returns whether ``path`` is the first matrix of a sequence, ``NAME_LX.txt``, of four."""
    return path.name.endswith(_END) and all(each.is_file() for each in _parts(path))


def read_matrices(path: Path, frame_count: int | None = None) -> Trajectories:
    """Reads ``NAME_LX.txt`` (left), ``_LY`` (top), ``_W`` and ``_H``.

    Each has a row for each frame and a column for each track; a track is absent from a frame where
    all four are 0. Ids are the numbers of the columns, from 1.

    Args:
        path: The first of them.
        frame_count: Number of frames in the sequence; None for as many as have boxes.

    Raises:
        BeyondSequenceError: A frame beyond the sequence has boxes.
        ConfigError: A file cannot be read, the files differ in rows or columns, or a line is
            malformed or blank with rows after it; the message names file and line.
    """
    tables = [NumberTable.read(each, 1, "tracks") for each in _parts(path)]
    for table in tables:
        table.reject_gaps("a row must have a number for each track; 0 where it is absent")
    first, *others = tables
    for table in others:
        if table.values.shape != first.values.shape:
            raise ConfigError(
                f"{table.path} has {_size(table)}, but {first.path.name} has {_size(first)}"
            )
    for table in tables[2:]:
        table.reject(
            table.values.min(axis=1) < 0,
            lambda row: f"width and height must not be negative, got {row.min():g}",
        )
    values = np.stack([table.values for table in tables], axis=-1)
    frames, columns = np.nonzero((values != 0).any(axis=-1))
    if frame_count is not None and (beyond := frames[frames >= frame_count]).size:
        raise first.fault(
            beyond[0],
            f"frame {beyond[0] + 1} lies beyond the sequence of {frame_count} frames",
            BeyondSequenceError,
        )
    boxes = values[frames, columns]
    boxes[:, 2:] += boxes[:, :2]
    return Trajectories.from_arrays(frames, columns + 1, boxes)


def _size(table: NumberTable) -> str:
    rows, columns = table.values.shape
    return f"{counted(rows, 'row')} of {counted(columns, 'number')}"


def _parts(path: Path) -> tuple[Path, ...]:
    return matrix_paths(path.parent, path.name.removesuffix(_END))
