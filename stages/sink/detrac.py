"""UA-DETRAC: detection rows, and the matrices its evaluation toolkit reads as tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from stages.atomic import AtomicFile
from stages.records import Detections

# For each matrix, its file suffix and the column of a MOT row that it is made from.
_MATRICES = (("LX", 2), ("LY", 3), ("W", 4), ("H", 5))
TOOLKIT_SUFFIXES = (*(suffix for suffix, _ in _MATRICES), "speed")


def detection_rows(detections: Detections, number: int, *, with_classes: bool) -> str:
    """Returns one frame's rows: ``frame,index,left,top,width,height,score``, optionally ``class``.

    Boxes have two decimals; scores have six, because the tail of a precision-recall curve consists
    of scores far below 0.01.

    Args:
        detections: Detections of the frame, boxes as left, top, right, bottom.
        number: 1-based frame number.
        with_classes: Whether to append the class, counted from 1, which UA-DETRAC does not have.

    Returns:
        One line for each detection, highest score first, with the index counting from 1, each ended
        by a newline; "" if there are no detections.
    """
    order = np.argsort(-detections.scores, kind="stable")
    boxes = detections.boxes[order].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    scores, classes = detections.scores[order].tolist(), detections.classes[order].tolist()
    ends = [f",{each + 1}\n" for each in classes] if with_classes else ["\n"] * len(classes)
    columns = zip(boxes.tolist(), scores, ends, strict=True)
    return "".join(
        f"{number},{index},{left:z.2f},{top:z.2f},{width:z.2f},{height:z.2f},{score:z.6f}{end}"
        for index, ((left, top, width, height), score, end) in enumerate(columns, start=1)
    )


def toolkit_paths(folder: Path, name: str) -> tuple[Path, ...]:
    """Returns the five files of a sequence, in the order of `TOOLKIT_SUFFIXES`."""
    return tuple(folder / f"{name}_{suffix}.txt" for suffix in TOOLKIT_SUFFIXES)


def write_toolkit_matrices(
    begin: Callable[[Path], AtomicFile],
    mot_path: Path,
    folder: Path,
    name: str,
    fps: float,
    frames: int,
) -> None:
    """Writes the tracks in a finished ``mot.txt`` in the format of the UA-DETRAC toolkit.

    ``NAME_LX.txt``, ``_LY``, ``_W`` and ``_H`` hold one row for each frame and one column for each
    track (in order of id), comma-separated, 0 where the track is absent; numbers are copied
    digit for digit from ``mot_path``. ``NAME_speed.txt`` holds ``fps``. Only one row is held in
    memory.

    Args:
        begin: Opens a file, which the caller completes, or discards after an error.
        mot_path: MOTChallenge rows, sorted by frame.
        folder: Where the five files go.
        name: Name of the sequence.
        fps: Frames processed per second.
        frames: Number of rows: the number of the last frame of the sequence.

    Raises:
        OutputError: A file cannot be written.
        ValueError: ``mot_path`` is not sorted or has frames beyond ``frames``.
    """
    with mot_path.open(encoding="utf-8") as lines:
        ids = sorted({int(line.split(",", 2)[1]) for line in lines})
    # A matrix needs a column: without tracks, write one for a track that is always absent.
    columns = {identity: column for column, identity in enumerate(ids)}
    width = max(1, len(ids))
    *matrices, speed = (begin(path) for path in toolkit_paths(folder, name))
    with mot_path.open(encoding="utf-8") as lines:
        for rows in _rows_of_each_frame(lines, frames):
            for file, (_, field) in zip(matrices, _MATRICES, strict=True):
                cells = ["0"] * width
                for row in rows:
                    cells[columns[int(row[1])]] = row[field]
                file.write(",".join(cells) + "\n")
    speed.write(f"{fps:.2f}\n")


def _rows_of_each_frame(lines: Iterator[str], frames: int) -> Iterator[list[list[str]]]:
    """Yields the split rows of frames 1 to ``frames``, an empty list for a frame without rows."""
    done = 0
    rows = (line.rstrip("\n").split(",") for line in lines)
    for number, group in groupby(rows, key=lambda row: int(row[0])):
        if not done < number <= frames:
            raise ValueError(f"frame {number} after {done}, expected one of {done + 1} to {frames}")
        for _ in range(done + 1, number):
            yield []
        yield list(group)
        done = number
    for _ in range(done, frames):
        yield []
