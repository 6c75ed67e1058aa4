"""Reads MOTChallenge ground truth and results."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from stages.errors import ConfigError
from stages.number_table import (
    HEIGHT,
    IDENTITY,
    LEFT,
    SUFFIXES,
    WIDTH,
    BeyondSequenceError,
    NumberTable,
)
from stages.records import BoolArray, Float64Array, Int64Array
from stages.seqinfo import read_seqinfo
from tools.annotations.distractors import FLAG, MotObjects
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.trajectories import Trajectories

MIN_COLUMNS = 6
_TRUTHS = tuple(f"gt{suffix}" for suffix in SUFFIXES)  # in the folder "gt" of a sequence


def read_mot(path: str | os.PathLike[str], frame_count: int | None = None) -> Trajectories:
    """Reads rows ``frame,id,left,top,width,height,…`` with frames from 1, plain or as ``.gz``.

    Args:
        path: The file; an empty one has no boxes.
        frame_count: Number of frames in the sequence; None for as many as the file has.

    Raises:
        ConfigError: The file cannot be read or holds detections, or a line is malformed, repeats
            an id in its frame, or lies beyond the sequence; the message names file and line.
    """
    return trajectories_of(NumberTable.read(Path(path), MIN_COLUMNS, "tracks"), frame_count)


def trajectories_of(table: NumberTable, frame_count: int | None = None) -> Trajectories:
    """Returns the boxes of a table; see `read_mot`, also for the errors."""
    frames = table.frame_indices(frame_count)
    ids = table.values[:, IDENTITY]
    table.reject(
        (ids != np.floor(ids)) | (np.abs(ids) >= 2**53),
        lambda row: f"id must be a whole number below 2^53, got {row[IDENTITY]:.17g}",
    )
    if len(ids) and (ids == -1).all():
        raise ConfigError(f"{table.path} holds detections, not tracks: every id is -1")
    boxes = boxes_of(table)
    table.reject(
        _repeated(frames, ids),
        lambda row: f"id {row[IDENTITY]:.0f} occurs twice in frame {row[0]:.0f}",
    )
    # Rows of a frame keep their order: of equal overlaps, the first is matched, as in TrackEval.
    order = np.argsort(frames, kind="stable")
    return Trajectories(frames[order], ids[order].astype(np.int64), boxes[order])


def boxes_of(table: NumberTable) -> Float64Array:
    """Returns the boxes ``(N, 4)`` ltrb of a table with left, top, width, height from column 3.

    Raises:
        ConfigError: A width or height is negative.
    """
    table.reject(
        (table.values[:, WIDTH] < 0) | (table.values[:, HEIGHT] < 0),
        lambda row: (
            f"width and height must not be negative, got {row[WIDTH]:g} and {row[HEIGHT]:g}"
        ),
    )
    boxes = table.values[:, LEFT : LEFT + 4].copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def mot_sequences(folder: str | os.PathLike[str]) -> list[tuple[str, Path]]:
    """Returns the name and file of each sequence: ``NAME/gt/gt.txt``, else ``NAME.txt``.

    Each may be compressed, with a name ending in ``.gz``.

    Raises:
        ConfigError: A folder has a file both plain and compressed.
    """
    folder = Path(folder)
    found = sorted(file for name in _TRUTHS for file in folder.glob(f"*/gt/{name}"))
    for one, other in pairwise(found):
        if one.parent == other.parent:
            raise ConfigError(f"{one} is there also as {other.name}; keep one")
    if found:
        return [(file.parts[-3], file) for file in found]
    files = sorted(
        file
        for file in folder.iterdir()
        if file.name.endswith(SUFFIXES) and not file.name.startswith(".")
    )
    return [(file.name.split(".txt")[0], file) for file in files]


def without_truth(folder: Path) -> list[str]:
    """Returns the names of sequences in folders that `mot_sequences` leaves out: without a file."""
    known = {name for name, file in mot_sequences(folder) if file.name in _TRUTHS}
    marks = [*folder.glob("*/gt"), *folder.glob("*/seqinfo.ini")]
    return sorted({mark.parent.name for mark in marks} - known) if known else []


def read_mot_ground_truth(path: str | os.PathLike[str], name: str) -> GroundTruth:
    """Reads a file found by `mot_sequences`.

    Rows whose seventh column is 0 are left out: MOTChallenge marks boxes that are not scored this
    way. The number of frames is taken from ``seqinfo.ini`` next to the folder ``gt``, else from the
    file itself, including such rows. If ``seqinfo.ini`` states classes, they are not MOT16's.

    Raises:
        ConfigError: As for `read_mot`; or ``seqinfo.ini`` is malformed or has no ``seqLength``.
    """
    path, frame_count, classes = Path(path), None, None
    info = path.parent.parent / "seqinfo.ini"
    if path.name in _TRUTHS and info.exists():
        try:
            stated = read_seqinfo(info)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        frame_count, classes = stated.length, stated.classes
        if frame_count is None:
            raise ConfigError(f"{info} has no seqLength")
    table = NumberTable.read(path, MIN_COLUMNS, "tracks")
    try:
        tracks = trajectories_of(table, frame_count)
    except BeyondSequenceError as error:
        raise ConfigError(f"{error}; seqLength of {info} is {frame_count}") from None
    frame_count = frame_count or tracks.frame_count
    objects = None if classes else MotObjects.of(table.values, name)
    if table.values.shape[1] > FLAG:
        tracks = trajectories_of(table.only(table.values[:, FLAG] != 0), frame_count)
    return GroundTruth(name, frame_count, tracks, tracks, mot_objects=objects)


def _repeated(frames: Int64Array, ids: Float64Array) -> BoolArray:
    """Returns which rows ``(N,)`` repeat the frame and id of an earlier row."""
    order = np.lexsort((ids, frames))
    twice = (np.diff(frames[order]) == 0) & (np.diff(ids[order]) == 0)
    repeated = np.zeros(len(frames), np.bool_)
    repeated[order[1:][twice]] = True
    return repeated
