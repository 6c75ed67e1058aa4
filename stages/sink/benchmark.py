"""Writes results with the file names and formats of the benchmarks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from stages.atomic import AtomicFile
from stages.records import StreamStart
from stages.sink.detrac import write_toolkit_matrices

_DETECTION_COLUMNS = 7  # of UA-DETRAC


def write_benchmark_files(
    begin: Callable[[Path], AtomicFile],
    start: StreamStart,
    root: Path,
    *,
    mot_path: Path,
    detections_path: Path,
    fps: float,
    frames: int,
) -> None:
    """Writes the results of one sequence as its benchmark expects them.

    ======== ============================================ ===========================
    layout   ``detections/``                              ``tracks/``
    ======== ============================================ ===========================
    detrac   ``NAME_Det_DETECTOR.txt``                    ``NAME_{LX,LY,W,H,speed}.txt``
    uavdt    ``NAME.txt``: ``frame,-1,left,top,width,     ``NAME.txt``, MOTChallenge
             height,score,1,-1``
    mot                                                   ``NAME.txt``, MOTChallenge
    ======== ============================================ ===========================

    No file has classes: MOTChallenge's tools reject results of classes other than 1.

    Args:
        begin: Opens a file, which the caller completes, or discards after an error.
        start: The sequence, with one of these layouts.
        root: The benchmark folder.
        mot_path: Finished MOTChallenge rows.
        detections_path: Finished rows of ``detections.txt``.
        fps: Frames processed per second.
        frames: 1-based number of the last frame of the sequence.

    Raises:
        OutputError: A file cannot be written.
    """
    name, layout = start.stream, start.layout
    tracks, detections = root / "tracks", root / "detections"
    if layout == "detrac":
        # The toolkit takes the detector's name from the file name: it must not look like a path.
        detector = re.sub(r"[^\w.+-]+", "-", start.detector) or "detector"
        found = begin(detections / f"{name}_Det_{detector}.txt")
        _convert(detections_path, found, _detrac_row)
        write_toolkit_matrices(begin, mot_path, tracks, name, fps, frames)
        return
    if layout == "uavdt":
        _convert(detections_path, begin(detections / f"{name}.txt"), _uavdt_row)
    _convert(mot_path, begin(tracks / f"{name}.txt"), _without_class)


def _without_class(row: str) -> str:
    *columns, _, last, end = row.split(",")
    return ",".join((*columns, "-1", last, end))


def _detrac_row(row: str) -> str:
    """Returns a row of ``detections.txt`` without a class, if it has one."""
    return ",".join(row.rstrip("\n").split(",")[:_DETECTION_COLUMNS]) + "\n"


def _uavdt_row(row: str) -> str:
    """Converts a row of ``detections.txt`` to UAVDT, which scores detection without classes."""
    frame, _, *box, score = row.rstrip("\n").split(",")[:_DETECTION_COLUMNS]
    return ",".join((frame, "-1", *box, score, "1", "-1")) + "\n"


def _convert(source: Path, target: AtomicFile, convert: Callable[[str], str]) -> None:
    with source.open(encoding="utf-8") as rows:
        for row in rows:
            target.write(convert(row))
