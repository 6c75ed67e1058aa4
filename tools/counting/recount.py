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

from pipeline.config import RunConfig
from pipeline.geometry import reference_of
from pipeline.sink_options import sink_options
from pipeline.workers.checkpoint import Checkpoint
from stages.errors import ConfigError
from stages.measurements import Crossings, ZoneEvents
from stages.records import Detections, FrameHeader, PixelFormat, Tracks
from stages.result_files import TIMES, TRACKS, class_names, frame_size, read_report
from stages.sink.counting import Counting
from stages.sink.folder_contents import CHECKPOINT
from stages.sink.options import SinkOptions
from tools.counting.intervals import Clock, seconds_of
from tools.counting.track_file import TrackFile
from tools.results.rows import rows, stream_of

_TIME_BASE = Fraction(1, 1000)  # of times.txt


class Recount(NamedTuple):
    """What was counted on the tracks of a run.

    Attributes:
        crossings: The columns of ``crossings.txt``, with a `Moment` in place of the time.
        zone_events: The columns of ``zones.txt``, with an interval in place of the time.
        faults: A message for each line or zone that does not fit the frames, if their size is
            known.
        speeds: Speeds in km/h at the crossings, by frame and vehicle, where known; None if they
            were not measured.
    """

    crossings: list[tuple[Any, ...]]
    zone_events: list[tuple[Any, ...]]
    faults: tuple[str, ...]
    speeds: dict[tuple[int, int], float] | None = None


def drawn_options(config: RunConfig, streams: Collection[str]) -> dict[str, SinkOptions]:
    """Returns the options of each stream for which the config has lines or zones.

    Raises:
        ConfigError: There is no such stream.
    """
    found = {name: sink_options(config, name, live=False) for name in streams}
    drawn = {
        # Speeds are those at lines; without any, the ground would only take time.
        name: options if options.lines else dataclasses.replace(options, ground=None)
        for name, options in found.items()
        if options.lines or options.zones
    }
    given = ", ".join(sorted({*config.sink.lines, *config.sink.zones}))
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
        options: Options with the lines, zones and ground points.
        clock: Finds the intervals.

    Raises:
        ConfigError: A row is malformed, rows are not in the order of frames, the tracks have no
            times, or the run found its frames on a picture.
    """
    counting = Counting(options)
    if isinstance(run, TrackFile):
        class_names, size = run.class_names, run.tracks.frame_size or (0, 0)
        frames = _frames_of_file(run, *size)
    else:
        _check_is_fixed(run)
        class_names, size = _classes_and_size(run)
        frames = _frames(run, *size)
    names = dict(enumerate(class_names))
    width, height = size
    faults = tuple(counting.faults(height, width)) if any(size) else ()
    speeds = _CrossingSpeeds(counting, options.lines)
    found = Recount([], [], faults, None if options.ground is None else speeds.found)

    def dated(
        events: Iterable[tuple[Any, ...]], at: Callable[[str], Any]
    ) -> Iterator[tuple[Any, ...]]:
        for number, time, vehicle, index, *event in events:
            yield (number, at(time), vehicle, names.get(index, ""), *event)

    for tracks, time in frames:
        measurements = counting.update(tracks, tracks.frame.number, time)
        speeds.keep(tracks.frame.number)
        for measured in measurements:
            match measured:
                case Crossings():
                    speeds.take(measured)
                    found.crossings.extend(dated(measured.crossings, clock.moment))
                case ZoneEvents():  # with three decimals, as in zones.txt
                    events = (
                        each._replace(seconds=round(each.seconds, 3)) for each in measured.events
                    )
                    found.zone_events.extend(dated(events, clock.interval))
    return found


def _check_is_fixed(folder: Path) -> None:
    config = read_report(folder).get("config", {})
    references = config.get("decoder", {}).get("reference", {})  # none before 0.11
    if picture := reference_of(references, stream_of(folder)):
        raise ConfigError(
            f"{folder}: its camera moved (decoder.reference: {picture}), and results do not say "
            f"where frames lie on the picture; run the video again, with the config's lines"
        )


class _CrossingSpeeds:
    """The speeds of vehicles in the frames in which they cross lines.

    A crossing is counted some frames after its own, perhaps many, so the speed is kept from a
    vehicle's latest step across each line until then. Not all speeds are kept: files may be of
    weeks.

    Args:
        counting: What counts the crossings and measures the speeds.
        lines: Names of the lines in the order of its `TrackPosition.passages`.

    Attributes:
        found: Speeds in km/h, with one decimal as in ``ground.txt``, by frame and vehicle.
    """

    def __init__(self, counting: Counting, lines: Iterable[str]) -> None:
        self._counting = counting
        self._lines = tuple(lines)
        self._kept: dict[tuple[int, str], tuple[int, float]] = {}
        self.found: dict[tuple[int, int], float] = {}

    def keep(self, number: int) -> None:
        """Keeps the speeds of vehicles that have stepped across a line in the latest frame."""
        tracks = self._counting.crossings.state.tracks
        for identity, speed in self._counting.ground.speeds.items():
            passages = tracks[identity].passages if identity in tracks else ()
            for line, passage in zip(self._lines, passages, strict=False):
                if passage is not None and passage.number == number and passage.between:
                    self._kept[identity, line] = number, speed

    def take(self, crossed: Crossings) -> None:
        """Takes over the speeds of crossings that are counted now."""
        for each in crossed.crossings:
            if kept := self._kept.pop((each.identity, each.line), None):
                number, speed = kept  # of an earlier step if the speed is unknown at the crossing
                self.found[number, each.identity] = round(speed, 1)


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


def _classes_and_size(folder: Path) -> tuple[tuple[str, ...], tuple[int, int]]:
    """Returns class names and frame size of a run, also of a camera's without ``run.json`` yet."""
    names, size = class_names(folder), frame_size(folder)
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
