"""Reads detections from a file.

There are four formats. All are comma-separated, plain or gzip-compressed, with one box per line and
frames counted from 1:

====== ====================================================== ==========================
format columns                                                recognised by
====== ====================================================== ==========================
detrac frame, index, left, top, width, height, score          7, the second not -1
run    the same, class                                        8, the second not -1
uavdt  frame, -1, left, top, width, height, score, class, -1  9, class at least 1
mot    frame, -1, left, top, width, height, score, …          7 or more, the second -1
====== ====================================================== ==========================

The classes of a run's ``detections.txt`` are named in the ``run.json`` next to it.

The files published by the authors of UA-DETRAC and UAVDT hold the best 100 boxes of every frame,
regardless of score; a few of these boxes have no area.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from stages.errors import ConfigError
from stages.number_table import HEIGHT, IDENTITY, LEFT, MAX_FLOAT32, WIDTH, NumberTable
from stages.records import Float32Array, Float64Array, Int16Array, Int64Array
from stages.result_files import DETECTIONS, REPORT, class_names, frame_size, number_of

DetectionFormat: TypeAlias = Literal["detrac", "run", "uavdt", "mot"]

CLASS_NAMES: Mapping[str, tuple[str, ...]] = {
    "detrac": ("vehicle",),
    "uavdt": ("car", "truck", "bus"),
    "mot": ("object",),
}
_FRAME_SIZES: dict[DetectionFormat, tuple[int, int]] = {"detrac": (960, 540), "uavdt": (1024, 540)}
_STRAY = 0.001  # share of detections; at most 0.00006 in the published files of UAVDT
COLUMNS: dict[DetectionFormat, int] = {"detrac": 7, "run": 8, "uavdt": 9}
MIN_COLUMNS = 7
_LINE = "frame,-1,left,top,width,height,score"
UAVDT_CLASSES = ", ".join(f"{number} {name}" for number, name in enumerate(CLASS_NAMES["uavdt"], 1))
SCORE, CLASS = 6, 7


class FrameBoxes(NamedTuple):
    """The detections of one frame: ``(N, 4)`` left, top, right, bottom; ``(N,)``; ``(N,)``."""

    boxes: Float32Array
    scores: Float32Array
    classes: Int16Array


@dataclass(frozen=True, slots=True, eq=False)
class DetectionFile:
    """All detections of a sequence whose boxes have an area, in memory and read-only.

    Attributes:
        path: The file they were read from.
        format: Its format.
        frame_count: Number of frames in the sequence, or number of the last frame that has a line.
        indices: ``(N,)`` 0-based frame of each box, ascending.
        boxes: ``(N, 4)`` left, top, right, bottom in pixels; float64, because rounding to float32
            could move a box across an IoU threshold.
        scores: ``(N,)``.
        classes: ``(N,)`` indices into `class_names`.
        class_names: Names of the classes.
        without_area: Number of boxes left out because they have no area.
    """

    path: Path
    format: DetectionFormat
    frame_count: int
    indices: Int64Array
    boxes: Float64Array
    scores: Float32Array
    classes: Int16Array
    class_names: tuple[str, ...]
    without_area: int = 0

    @classmethod
    def read(
        cls,
        path: Path | str,
        frame_count: int | None = None,
    ) -> DetectionFile:
        """Reads ``path``, decompressing it if its name ends in ``.gz``.

        Scores may be any finite number: those of MOT15's public detections are not normalised.
        Lines may be in any order; those of one frame keep their order.

        Args:
            path: The file.
            frame_count: Number of frames in the sequence; None for the number of the last frame
                that has a line.

        Raises:
            ConfigError: The file cannot be read, or a line is malformed or beyond the sequence;
                the message names the file and line.
        """
        path = Path(path)
        table = NumberTable.read(path, MIN_COLUMNS, "detections", _LINE)
        format = _recognised(table)
        values = table.values
        indices = table.frame_indices(frame_count)
        ends = values[:, LEFT : LEFT + 2] + values[:, WIDTH : WIDTH + 2]
        table.reject(
            (np.abs(ends) > MAX_FLOAT32).max(axis=1),
            lambda row: f"box at {row[LEFT]:g}, {row[WIDTH]:g} wide, has no finite end",
        )
        has_area = (values[:, WIDTH] > 0) & (values[:, HEIGHT] > 0)
        names = _stated_classes(path) if format == "run" else CLASS_NAMES[format]
        classes = _classes(table, names) if len(names) > 1 else np.zeros(len(values), np.int16)
        order = np.argsort(indices, kind="stable")
        kept = order[has_area[order]]
        boxes = values[kept, LEFT : LEFT + 4]
        boxes[:, 2:] += boxes[:, :2]
        file = cls(
            path,
            format,
            frame_count=frame_count or int(indices.max(initial=-1)) + 1,
            indices=indices[kept],
            boxes=boxes,
            scores=values[kept, SCORE].astype(np.float32),
            classes=classes[kept],
            class_names=names,
            without_area=len(values) - len(kept),
        )
        for array in (file.indices, file.boxes, file.scores, file.classes):
            array.flags.writeable = False  # frames are views of these
        return file

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height of the frames in pixels: from a run's report, else of the benchmark.

        None if the format has no fixed size, or if more than a few stray detections have their
        centres outside that size.
        """
        if number_of(self.path, DETECTIONS) and (stated := frame_size(self.path.parent)):
            return stated
        size = _FRAME_SIZES.get(self.format)
        centers = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        if size is None or (centers > size).any(axis=1).sum() > _STRAY * len(centers):
            return None
        return size

    def frame(self, index: int) -> FrameBoxes:
        """Returns the detections of the frame at 0-based ``index``, empty if the file has none."""
        first, end = self.indices.searchsorted((index, index + 1))
        return self._rows(int(first), int(end))

    def frames(self) -> Iterator[FrameBoxes]:
        """Yields the detections of frames 0 to ``frame_count - 1``, empty frames included."""
        bounds = np.searchsorted(self.indices, np.arange(self.frame_count + 1)).tolist()
        for first, end in pairwise(bounds):
            yield self._rows(first, end)

    def _rows(self, first: int, end: int) -> FrameBoxes:
        rows = slice(first, end)
        boxes = self.boxes[rows].astype(np.float32)
        return FrameBoxes(boxes, self.scores[rows], self.classes[rows])

    def __len__(self) -> int:
        return len(self.boxes)


def _recognised(table: NumberTable) -> DetectionFormat:
    """Returns the format of the first line; ``detrac`` if there is none."""
    if len(table.values) == 0:
        return "detrac"
    first = table.values[0]
    if first[IDENTITY] == -1:
        return "uavdt" if len(first) == COLUMNS["uavdt"] and first[CLASS] >= 1 else "mot"
    if len(first) == COLUMNS["detrac"]:
        return "detrac"
    if len(first) == COLUMNS["run"] and len(_stated_classes(table.path)) > 1:
        return "run"
    why = "is this a tracking result or ground truth?"
    if len(first) == COLUMNS["run"] and number_of(table.path, DETECTIONS):
        why = "if this is from a run, the run.json next to it is missing or names no classes"
    elif len(first) == COLUMNS["run"]:
        why += (
            " a run's detections with classes must be called detections.txt and lie beside their "
            "run.json"
        )
    raise table.fault(
        0,
        f"the second column of a detection file of {len(first)} columns must be -1, got "
        f"{first[IDENTITY]:g}; {why}",
    )


def _stated_classes(path: Path) -> tuple[str, ...]:
    """Returns the class names of a run's ``detections.txt``; () for any other file."""
    names = class_names(path.parent) if number_of(path, DETECTIONS) else ()
    for name in names:
        if "," in name:
            report = path.parent / REPORT
            raise ConfigError(f"{report}: a class name must have no commas, got {name!r}")
    return names


def _classes(table: NumberTable, names: Sequence[str]) -> Int16Array:
    """Returns the classes as 0-based indices; they are 1-based in the file."""
    classes = table.values[:, CLASS]
    listed = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
    of_uavdt = (
        "; because of its nine columns and the class in its first line, this is taken for a file "
        "in UAVDT's format"
    )
    table.reject(
        ~np.isin(classes, np.arange(1, len(names) + 1)),
        lambda row: (
            f"class must be one of {listed}; got {row[CLASS]:g}"
            + of_uavdt * (len(row) == COLUMNS["uavdt"])
        ),
    )
    return classes.astype(np.int16) - np.int16(1)
