"""Tracks of a sequence, read from a file or from the results of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stages.atomic import final_path
from stages.errors import ConfigError
from stages.number_table import IDENTITY, NumberTable
from stages.records import (
    BoolArray,
    Detections,
    Float32Array,
    Float64Array,
    FrameHeader,
    Int16Array,
    Int64Array,
    Tracks,
)
from stages.result_files import TRACKS, class_names, frame_size, frame_sizes, text_number
from tools.annotations.detrac_xml import read_detrac_xml
from tools.annotations.mot_file import MIN_COLUMNS, boxes_of, trajectories_of
from tools.results.rows import rows, runs_by_stream, text_files

_SCORE, _CLASS = 6, 7
_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class StoredTracks:
    """All tracks of a sequence, sorted by frame and then by id.

    Attributes:
        frames: ``(N,)`` int64, 0-based.
        ids: ``(N,)`` int64.
        boxes: ``(N, 4)`` float32 ltrb in pixels.
        scores: ``(N,)`` float32, NaN where none is stated.
        classes: ``(N,)`` int16, indices into `class_names`.
        class_names: Names of the classes; empty if they are not known.
        frame_size: Width and height in pixels of the frames they were made from, if known; the
            latest if they changed.
        frame_sizes: All widths and heights of these frames; empty if they are not known.
    """

    frames: Int64Array
    ids: Int64Array
    boxes: Float32Array
    scores: Float32Array
    classes: Int16Array
    class_names: tuple[str, ...] = ()
    frame_size: tuple[int, int] | None = None
    frame_sizes: tuple[tuple[int, int], ...] = ()

    def of(self, frame: FrameHeader, motion: Float32Array | None = None) -> Tracks:
        """Returns the tracks of a frame, with the camera's motion if it is known."""
        found = slice(*np.searchsorted(self.frames, (frame.index, frame.index + 1)))
        boxes, scores, classes = self.boxes[found], self.scores[found], self.classes[found]
        detections = Detections(frame, boxes, scores, classes, motion)
        return Tracks(detections, boxes, scores, classes, self.ids[found])

    def only(self, kept: BoolArray) -> StoredTracks:
        """Returns the boxes for which the mask ``(N,)`` is true."""
        return replace(
            self,
            frames=self.frames[kept],
            ids=self.ids[kept],
            boxes=self.boxes[kept],
            scores=self.scores[kept],
            classes=self.classes[kept],
        )

    def __len__(self) -> int:
        return len(self.frames)


def read_tracks(path: Path, stream: str) -> StoredTracks:
    """Reads tracks in MOTChallenge's, UAVDT's or UA-DETRAC's format, or those of a run.

    Ground truth of MOTChallenge, ``gt.txt``, is read without the rows that it does not score.

    Args:
        path: A text file, plain or as ``.gz``; a UA-DETRAC annotation, ``.xml``; or a folder that
            holds the results of a run, which need not be complete, or another program's
            ``mot.txt``.
        stream: Name of the stream to take from the results of several.

    Raises:
        ConfigError: There are no tracks of this stream, the file cannot be read, or a line is
            malformed; the message names file and line.
    """
    if path.is_dir():
        folder = _chosen(path, stream)
        match text_files(folder, TRACKS):
            case [single] if final_path(single) == single:
                return _of_table(single)  # perhaps of another program, with other columns
        return _of_run(folder)
    if path.suffix == ".xml":
        return _of_annotation(path)
    tracks = _of_table(path)
    return tracks.only(tracks.scores != 0) if path.name.startswith("gt.txt") else tracks


def _of_table(path: Path) -> StoredTracks:
    table = NumberTable.read(path, MIN_COLUMNS, "tracks")
    trajectories_of(table)  # which refuses invalid rows
    values = table.values
    missing = np.full(len(values), -1.0)
    scores, classes = (
        values[:, column] if values.shape[1] > column else missing for column in (_SCORE, _CLASS)
    )
    ids = values[:, IDENTITY].astype(np.int64)
    tracks = _sorted(table.frame_indices(), ids, boxes_of(table), scores, classes)
    return _described(tracks, path.parent) if text_number(path, TRACKS) else tracks


def _of_run(folder: Path) -> StoredTracks:
    """Reads the tracks in a stream's folder, from all parts of ``mot.txt``."""
    columns = (np.int64, np.int64, *5 * [float], np.int16, float, float)
    kinds = [("frame", "i8"), ("id", "i8"), ("box", "f8", 4), ("score", "f8"), ("class", "i2")]
    found = np.fromiter(
        (
            (frame, identity, (left, top, left + width, top + height), score, index)
            for frame, identity, left, top, width, height, score, index, *_ in rows(
                folder, TRACKS, *columns
            )
        ),
        np.dtype(kinds),
    )
    rest = (found[name] for name in ("id", "box", "score", "class"))
    return _described(_sorted(found["frame"] - 1, *rest), folder)


def _of_annotation(path: Path) -> StoredTracks:
    annotation = read_detrac_xml(path)
    names, classes = np.unique(np.array(annotation.vehicle_types, np.str_), return_inverse=True)
    ids, scores = annotation.ids, np.full(len(annotation.ids), -1.0)
    tracks = _sorted(annotation.frames - 1, ids, annotation.boxes, scores, classes + 1)
    return replace(tracks, class_names=tuple(names.tolist()))


def _described(tracks: StoredTracks, folder: Path) -> StoredTracks:
    """Returns tracks with the class names and frame sizes that the run in ``folder`` reports."""
    return replace(
        tracks,
        class_names=class_names(folder),
        frame_size=frame_size(folder),
        frame_sizes=frame_sizes(folder),
    )


def _chosen(folder: Path, stream: str) -> Path:
    """Returns the folder of the stream, or of the only one, in and below ``folder``."""
    streams = runs_by_stream([folder], [TRACKS])
    if not streams:
        raise ConfigError(f"no tracks ({TRACKS}) in {folder}; name the file if it is another")
    if len(streams) > 1 and stream not in streams:
        names = ", ".join([*streams][:_NAMED])
        more = ", …" if len(streams) > _NAMED else ""
        raise ConfigError(
            f"{folder} holds tracks of {names}{more}, none of {stream}; name the folder of one, or "
            f"the stream as NAME=SOURCE"
        )
    runs = streams[stream] if stream in streams else next(iter(streams.values()))
    if len(runs) > 1:
        raise ConfigError(f"{folder} holds {len(runs)} runs; name one of them, such as {runs[0]}")
    return runs[0]


def _sorted(
    frames: Int64Array,
    ids: Int64Array,
    boxes: Float64Array,
    scores: Float64Array,
    classes: Float64Array | Int64Array,
) -> StoredTracks:
    """Returns tracks from rows; scores below 0 stand for none, and classes count from 1."""
    order = np.lexsort((ids, frames))
    indices = np.clip(classes[order] - 1, 0, np.iinfo(np.int16).max)
    stated = np.where(scores >= 0, scores, np.nan)[order]
    with np.errstate(over="ignore"):  # what lies beyond float32 is not drawn
        corners = boxes[order].astype(np.float32)
    return StoredTracks(
        frames[order],
        ids[order],
        corners,
        stated.astype(np.float32),
        indices.astype(np.int16),
    )
