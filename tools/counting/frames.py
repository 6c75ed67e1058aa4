"""The frames of a run with their tracks, from its result files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline.workers.checkpoint import Checkpoint
from stages.errors import ConfigError
from stages.records import Detections, FrameHeader, PixelFormat, Tracks, View
from stages.result_files import TIMES, TRACKS, VIEWS, class_names, frame_size, frame_sizes
from stages.sink.folder_contents import CHECKPOINT
from tools.counting.intervals import seconds_of
from tools.counting.track_file import TrackFile
from tools.results.reference import is_on_picture
from tools.results.rows import rows

_TIME_BASE = Fraction(1, 1000)  # of times.txt


def frames_of_run(folder: Path, width: int, height: int) -> Iterator[tuple[Tracks, str]]:
    """Yields the tracks of each frame with its time, one frame at a time: there may be millions.

    The frames have the views that the run wrote.

    Args:
        folder: The folder, also of a run that is in progress or was killed.
        width: Width of the frames in pixels, 0 if it is unknown.
        height: Height of the frames in pixels, 0 if it is unknown.

    Raises:
        ConfigError: A row is malformed, rows are not in the order of frames, or there are tracks
            without times.
    """
    columns = (int, np.int64, float, float, float, float, str, _class_index, str, str)
    groups = groupby(_ascending(folder, TRACKS, *columns), key=itemgetter(0))
    group = next(groups, None)
    frame = None
    views = StoredViews(folder) if is_on_picture(folder) else None
    for frame, time in _headers(_ascending(folder, TIMES, int, _time), width, height):
        if views is not None:
            frame = replace(frame, view=views.of(frame.number))
        while group is not None and group[0] < frame.number:
            group = next(groups, None)
        found = [*group[1]] if group is not None and group[0] == frame.number else []
        yield _tracks(frame, found), time
    if frame is None and group is not None:
        raise ConfigError(
            f"{folder}: {TRACKS} has rows, but {TIMES}, with their times, has none; if the video "
            f"was recorded, give its --frame-rate"
        )


def frames_of_file(file: TrackFile, width: int, height: int) -> Iterator[tuple[Tracks, str]]:
    """Yields the tracks of each frame with its time, as `frames_of_run`."""
    times = ((number, _time(text)) for number, text in file.times())
    for frame, time in _headers(times, width, height):
        yield file.tracks.of(frame), time


def _headers(
    times: Iterable[tuple[Any, ...]], width: int, height: int
) -> Iterator[tuple[FrameHeader, str]]:
    """Yields the header and time of each frame from its number and its time, see `_time`."""
    latest, elapsed = None, 0
    for number, (time, ms) in times:
        if latest is not None:  # the clock may be set back: no stay must become negative
            elapsed += max(0, ms - latest)
        latest = ms
        index = number - 1
        frame = FrameHeader(
            stream="",
            epoch=0,
            sequence=index,
            index=index,
            pts=elapsed,
            time_base=_TIME_BASE,
            captured_ns=0,
            height=height,
            width=width,
            pixel_format=PixelFormat.BGR24,
        )
        yield frame, time


class StoredViews:
    """The views of a run that found its frames on a picture.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._rows = _ascending(folder, VIEWS, int, *9 * [float])
        self._next: tuple[float, ...] = (0,)  # a frame number and its view

    def of(self, number: int) -> View:
        """Returns the view of a frame; to be called in the order of frames."""
        while self._next[0] < number:
            self._next = next(self._rows, (math.inf,))
        return self._next[1:] if self._next[0] == number else ()


def _ascending(
    folder: Path, name: str, *columns: Callable[[str], Any]
) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a result, see `rows`; refuses those that are not in the order of frames.

    A run writes them in that order, but other programs may sort them by id.
    """
    latest = 0
    for row in rows(folder, name, *columns):
        if row[0] < latest:
            raise ConfigError(
                f"{folder}: {name} has frame {row[0]} after frame {latest}; sort its rows by frame "
                f"(sort -t, -k1,1n -s)"
            )
        latest = row[0]
        yield row


def _tracks(frame: FrameHeader, found: list[tuple[Any, ...]]) -> Tracks:
    """Returns the tracks of a frame from its rows."""
    boxes = np.array([row[2:6] for row in found]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    boxes, scores = boxes.astype(np.float32), np.ones(len(found), np.float32)
    classes = np.array([row[7] for row in found], np.int16)
    ids = np.array([row[1] for row in found], np.int64)
    return Tracks(Detections(frame, boxes, scores, classes), boxes, scores, classes, ids)


def _class_index(text: str) -> np.int16:
    """Returns the index of a class, which is counted from 1, and -1 if there is only one."""
    return np.int16(max(0, int(text) - 1))


def _time(text: str) -> tuple[str, int]:
    """Returns a time of ``times.txt`` as it is and in milliseconds."""
    return text, round(1000 * seconds_of(text))


def classes_and_size(folder: Path) -> tuple[tuple[str, ...], tuple[int, int]]:
    """Returns class names and frame size of a run, also of a camera's without ``run.json`` yet.

    The size is 0, 0 if it is unknown, or if the frames that a run found on a picture changed in it.
    """
    names, size = class_names(folder), frame_size(folder)
    if len(frame_sizes(folder)) > 1 and is_on_picture(folder):
        return names, (0, 0)
    if names and size:
        return names, size
    try:
        checkpoint = Checkpoint.load(folder / CHECKPOINT)
    except (OSError, msgspec.MsgspecError):  # removed just now, or of another version
        checkpoint = None
    if checkpoint is None:
        return names, size or (0, 0)
    start = checkpoint.sink.start
    return names or start.class_names, size or (start.width, start.height)
