"""Counts lines and zones that were drawn afterwards, on the tracks of earlier runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pipeline.config import SinkConfig
from pipeline.sink_options import sink_options
from pipeline.workers.checkpoint import Checkpoint
from stages.errors import ConfigError
from stages.records import Detections, FrameHeader, PixelFormat, Tracks
from stages.result_files import TIMES, TRACKS, class_names, frame_size
from stages.sink.counting import Counting
from stages.sink.crossings import Crossings
from stages.sink.folder_contents import CHECKPOINT
from stages.sink.options import SinkOptions
from stages.sink.zones import ZoneEvents
from tools.counting.intervals import Clock, seconds_of
from tools.counting.track_file import TrackFile
from tools.result_rows import rows

_TIME_BASE = Fraction(1, 1000)  # of times.txt


class Recount(NamedTuple):
    """What was counted on the tracks of a run.

    Attributes:
        crossings: The columns of ``crossings.txt``, with a `Moment` in place of the time.
        zone_events: The columns of ``zones.txt``, with an interval in place of the time.
        faults: A message for each line or zone that does not fit the frames, if their size is
            known.
    """

    crossings: list[tuple[Any, ...]]
    zone_events: list[tuple[Any, ...]]
    faults: tuple[str, ...]


def drawn_options(config: SinkConfig, streams: Collection[str]) -> dict[str, SinkOptions]:
    """Returns the options of each stream for which the config has lines or zones.

    Raises:
        ConfigError: There is no such stream.
    """
    found = {name: sink_options(config, name, live=False) for name in streams}
    drawn = {
        name: dataclasses.replace(options, ground=None)  # it would only take time
        for name, options in found.items()
        if options.lines or options.zones
    }
    given = ", ".join(sorted({*config.lines, *config.zones}))
    if not given:
        raise ConfigError(
            "--config and --set count anew, and have neither sink.lines nor sink.zones"
        )
    if not drawn:
        raise ConfigError(
            f"sink.lines and sink.zones have nothing for {', '.join(streams)}: they are for {given}"
        )
    return drawn


def recount(run: Path | TrackFile, options: SinkOptions, clock: Clock) -> Recount:
    """Counts lines and zones on the tracks that a run has left in the stream's folder.

    Args:
        run: The folder, also of a run that is in progress or was killed; or tracks without times.
        options: Options with the lines and zones.
        clock: Finds the intervals.

    Raises:
        ConfigError: A row is malformed, rows are not in the order of frames, or the tracks have no
            times.
    """
    counting = Counting(options)
    if isinstance(run, TrackFile):
        class_names, size = run.class_names, run.tracks.frame_size or (0, 0)
        frames = _frames_of_file(run, *size)
    else:
        class_names, size = _class_names(run), frame_size(run) or (0, 0)
        frames = _frames(run, *size)
    names = dict(enumerate(class_names))
    width, height = size
    found = Recount([], [], tuple(counting.faults(height, width)) if any(size) else ())

    def dated(
        events: Iterable[tuple[Any, ...]], at: Callable[[str], Any]
    ) -> Iterator[tuple[Any, ...]]:
        for number, time, vehicle, index, *event in events:
            yield (number, at(time), vehicle, names.get(index, ""), *event)

    for tracks, time in frames:
        for measured in counting.update(tracks, tracks.frame.number, time):
            match measured:
                case Crossings():
                    found.crossings.extend(dated(measured.crossings, clock.moment))
                case ZoneEvents():  # with three decimals, as in zones.txt
                    events = (
                        each._replace(seconds=round(each.seconds, 3)) for each in measured.events
                    )
                    found.zone_events.extend(dated(events, clock.interval))
    return found


def _frames(folder: Path, width: int, height: int) -> Iterator[tuple[Tracks, str]]:
    """Yields the tracks of each frame with its time, one frame at a time: there may be millions."""
    columns = (int, np.int64, float, float, float, float, str, _class_index, str, str)
    groups = groupby(_ascending(folder, TRACKS, *columns), key=itemgetter(0))
    group = next(groups, None)
    frame = None
    for frame, time in _headers(_ascending(folder, TIMES, int, _time), width, height):
        while group is not None and group[0] < frame.number:
            group = next(groups, None)
        found = [*group[1]] if group is not None and group[0] == frame.number else []
        yield _tracks(frame, found), time
    if frame is None and group is not None:
        raise ConfigError(
            f"{folder}: {TRACKS} has rows, but {TIMES}, with their times, has none; if the video "
            f"was recorded, give its --frame-rate"
        )


def _frames_of_file(file: TrackFile, width: int, height: int) -> Iterator[tuple[Tracks, str]]:
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


def _class_names(folder: Path) -> tuple[str, ...]:
    """Returns the class names of a run, also of a camera's that has no ``run.json`` yet."""
    if names := class_names(folder):
        return names
    try:
        checkpoint = Checkpoint.load(folder / CHECKPOINT)
    except (OSError, msgspec.MsgspecError):  # removed just now, or of another version
        return ()
    return checkpoint.sink.start.class_names if checkpoint else ()
