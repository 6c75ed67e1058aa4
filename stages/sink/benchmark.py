"""Results under the file names and in the formats of the benchmarks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from stages.atomic import AtomicFile
from stages.sink.detrac import prepare_toolkit_matrices

LAYOUTS = ("detrac", "uavdt", "mot")


def prepare_benchmark_files(
    layout: str,
    root: Path,
    *,
    name: str,
    detector: str,
    mot_path: Path,
    detections_path: Path,
    fps: float,
    frames: int,
) -> tuple[AtomicFile, ...]:
    """Writes the results of one sequence as its benchmark expects them; the caller commits.

    ======== ============================================ ===========================
    layout   ``detections/``                              ``tracks/``
    ======== ============================================ ===========================
    detrac   ``NAME_Det_DETECTOR.txt``                    ``NAME_{LX,LY,W,H,speed}.txt``
    uavdt    ``NAME.txt``: ``frame,-1,left,top,width,     ``NAME.txt``, MOTChallenge
             height,score,1,-1``
    mot                                                   ``NAME.txt``, MOTChallenge
    ======== ============================================ ===========================

    Args:
        layout: One of `LAYOUTS`.
        root: The benchmark folder.
        name: Name of the sequence.
        detector: Name of the detector.
        mot_path: Finished MOTChallenge rows.
        detections_path: Finished UA-DETRAC detection rows.
        fps: Frames processed per second.
        frames: 1-based number of the last frame of the sequence.

    Raises:
        OutputError: A file cannot be written.
    """
    tracks, detections = root / "tracks", root / "detections"
    with contextlib.ExitStack() as on_error:
        files: list[AtomicFile] = []

        def add(*new: AtomicFile) -> None:
            for file in new:
                on_error.callback(file.discard)
            files.extend(new)

        if layout == "detrac":
            # The toolkit takes the detector's name from the file's: it must not look like a path.
            detector = re.sub(r"[^\w.+-]+", "-", detector) or "detector"
            add(_converted(detections_path, detections / f"{name}_Det_{detector}.txt", str))
            add(*prepare_toolkit_matrices(mot_path, tracks, name, fps, frames))
        else:
            if layout == "uavdt":
                add(_converted(detections_path, detections / f"{name}.txt", _uavdt_row))
            add(_converted(mot_path, tracks / f"{name}.txt", str))
        on_error.pop_all()
    return tuple(files)


def _uavdt_row(row: str) -> str:
    """Converts a UA-DETRAC detection row to UAVDT, which scores detection without classes."""
    frame, _, *box, score = row.rstrip("\n").split(",")
    return ",".join((frame, "-1", *box, score, "1", "-1")) + "\n"


def _converted(source: Path, target: Path, convert: Callable[[str], str]) -> AtomicFile:
    file = AtomicFile(target)
    try:
        with source.open(encoding="utf-8") as rows:
            for row in rows:
                file.write(convert(row))
        file.complete()
    except BaseException:
        file.discard()
        raise
    return file
