"""What is measured of the vehicles of a stream: at its lines, in its zones, on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from stages.records import Tracks
from stages.sink.crossings import (
    Counts,
    Crossings,
    LineCounter,
    LineCounterState,
    line_faults,
)
from stages.sink.ground import GroundPlaces, GroundTrack, SpeedMeter, ground_faults
from stages.sink.options import SinkOptions
from stages.sink.zones import (
    ZoneCounter,
    ZoneCounterState,
    ZoneCounts,
    ZoneEvents,
    zone_faults,
)

Measured: TypeAlias = Crossings | ZoneEvents | GroundPlaces
"""What a frame has shown: what happened at lines, or at zones, or where the vehicles are."""


class Readings(NamedTuple):
    """What the overlay shows of a frame beside its tracks.

    Attributes:
        crossed: How many vehicles have crossed each line so far.
        zones: How many have entered each zone so far, and are there.
        speeds: Speeds of the tracks in km/h, by id, as far as known.
    """

    crossed: Mapping[str, Counts] = {}
    zones: Mapping[str, ZoneCounts] = {}
    speeds: Mapping[int, float] = {}


NO_READINGS = Readings()


@dataclass(frozen=True, slots=True)
class CountingState:
    """What a `Counting` knows so far: its counters' states, and the tracks on the ground."""

    crossings: LineCounterState
    zones: ZoneCounterState
    ground: dict[int, GroundTrack]


class Counting:
    """The counters of one stream, and what measures speeds.

    Args:
        options: Its lines, zones and ground.
        state: That of an earlier one, which this one continues.

    Attributes:
        crossings: Counts the vehicles across lines.
        zones: Counts the vehicles in zones.
        ground: Finds where the vehicles are on the ground, and how fast.
    """

    def __init__(self, options: SinkOptions, state: CountingState | None = None) -> None:
        self._options = options
        self.crossings = LineCounter(options.lines, state.crossings if state else None)
        self.zones = ZoneCounter(options.zones, state.zones if state else None)
        self.ground = SpeedMeter(options.ground, state.ground if state else None)

    @property
    def state(self) -> CountingState:
        """What a later one needs to continue."""
        return CountingState(self.crossings.state, self.zones.state, self.ground.tracks)

    @property
    def readings(self) -> Readings:
        """Those of the latest frame; later ones do not change them."""
        counts = dict(self.crossings.counts), dict(self.zones.counts)
        return Readings(*counts, self.ground.speeds)

    def faults(self, height: int, width: int) -> Iterator[str]:
        """Yields a message for each line, zone and ground that does not fit such frames."""
        yield from line_faults(self._options.lines, height, width)
        yield from zone_faults(self._options.zones, height, width)
        yield from ground_faults(self._options.ground, height, width)

    def update(self, tracks: Tracks, number: int, time: str) -> list[Measured]:
        """Takes in a frame with its 1-based number and time; returns what it has shown."""
        frame, measured = tracks.frame, list[Measured]()
        if crossed := self.crossings.update(tracks, number, time):
            counts = dict(self.crossings.counts)
            measured.append(Crossings(frame.stream, tuple(crossed), counts))
        if events := self.zones.update(tracks, number, time):
            measured.append(ZoneEvents(frame.stream, tuple(events), dict(self.zones.counts)))
        self.ground.update(tracks)
        if places := self.ground.places:
            measured.append(GroundPlaces(frame.stream, number, time, places))
        return measured
