"""Counts lines and zones that were drawn afterwards, on the tracks of earlier runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.config import RunConfig
from pipeline.sink_options import sink_options
from stages.errors import ConfigError
from stages.measurements import Crossings, ZoneEvents
from stages.sink.counting import Counting
from stages.sink.options import SinkOptions
from tools.counting.frames import classes_and_size, frames_of_file, frames_of_run
from tools.counting.intervals import Clock
from tools.counting.track_file import TrackFile
from tools.results.reference import is_on_picture


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
        options: Options with the lines, zones and ground points, in pixels of the frame or, if the
            run found its frames on a picture, of the picture.
        clock: Finds the intervals.

    Raises:
        ConfigError: A row is malformed, rows are not in the order of frames, or the tracks have
            no times.
    """
    if isinstance(run, TrackFile):
        class_names, size = run.class_names, run.tracks.frame_size or (0, 0)
        frames = frames_of_file(run, *size)
    else:
        class_names, size = classes_and_size(run)
        frames = frames_of_run(run, *size)
        options = dataclasses.replace(options, views=is_on_picture(run))
    counting = Counting(options)
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
