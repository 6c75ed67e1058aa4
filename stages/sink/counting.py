"""Measures the vehicles of a stream: at its lines, in its zones and on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from stages.measurements import Counts, Crossings, GroundPlaces, Measured, ZoneCounts, ZoneEvents
from stages.records import FrameHeader, Tracks, View
from stages.sink.crossings import LineCounter, LineCounterState, line_faults
from stages.sink.ground import GroundTrack, SpeedMeter, ground_faults
from stages.sink.options import SinkOptions
from stages.sink.zones import ZoneCounter, ZoneCounterState, zone_faults
from stages.views import OUTAGE_SECONDS

_REPEAT_SECONDS = 10.0


class Readings(NamedTuple):
    """What the overlay shows for a frame besides its tracks.

    Attributes:
        crossed: Number of vehicles that have crossed each line so far.
        zones: Number of vehicles that have entered each zone so far, and that are inside.
        speeds: Speeds of the tracks in km/h, by id, where known.
        view: Where to draw lines and zones; None if they are in pixels of the frame.
    """

    crossed: Mapping[str, Counts] = {}
    zones: Mapping[str, ZoneCounts] = {}
    speeds: Mapping[int, float] = {}
    view: View | None = None


NO_READINGS = Readings()


@dataclass(frozen=True, slots=True)
class KnownView:
    """The view of a frame, the frame's epoch, and its time in seconds."""

    view: View
    epoch: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CountingState:
    """The state of a `Counting`: its counters' states, the tracks on the ground, the last view."""

    crossings: LineCounterState
    zones: ZoneCounterState
    ground: dict[int, GroundTrack]
    known: KnownView | None = None


class Counting:
    """The counters and the speed meter of one stream.

    In a frame that does not show the view of the picture on which lines and zones were drawn, no
    vehicle has a position, as if none were seen: while the camera moves fast, the last known view
    would make standing vehicles drive. The readings have that view for a second, for drawing.

    Args:
        options: Options with the lines, zones and ground points.
        state: State of an earlier `Counting` to continue from.

    Attributes:
        crossings: Counts vehicles that cross lines.
        zones: Counts vehicles in zones.
        ground: Finds the positions and speeds of vehicles on the ground.
    """

    def __init__(self, options: SinkOptions, state: CountingState | None = None) -> None:
        self._options = options
        lines, zones, ground = (
            (state.crossings, state.zones, state.ground) if state else (None, None, None)
        )
        anchor = options.anchor
        self.crossings = LineCounter(options.lines, lines, anchor)
        self.zones = ZoneCounter(options.zones, zones, options.zone_stay_seconds, anchor)
        self.ground = SpeedMeter(options.ground, ground, anchor)
        self._known = state.known if state else None
        self._view: View | None = None

    @property
    def state(self) -> CountingState:
        """State from which a later `Counting` continues."""
        return CountingState(
            self.crossings.state, self.zones.state, self.ground.tracks, self._known
        )

    @property
    def readings(self) -> Readings:
        """Readings of the latest frame, which later frames do not change."""
        counts = dict(self.crossings.counts), dict(self.zones.counts)
        return Readings(*counts, self.ground.speeds, self._view)

    def faults(self, height: int, width: int) -> Iterator[str]:
        """Yields a message for each line, zone or ground that does not fit frames of this size.

        What was drawn on a picture fits frames of any size, since all are mapped to the picture.
        """
        if self._options.views:
            return
        yield from line_faults(self._options.lines, height, width)
        yield from zone_faults(self._options.zones, height, width)
        yield from ground_faults(self._options.ground, height, width)

    def update(self, tracks: Tracks, number: int, time: str) -> list[Measured]:
        """Adds a frame with its 1-based number and time; returns its measurements."""
        frame, measured = tracks.frame, list[Measured]()
        self._view = self._shown_view(frame)
        if crossed := self.crossings.update(tracks, number, time):
            counts = dict(self.crossings.counts)
            measured.append(Crossings(frame.stream, tuple(crossed), counts))
        measured += self._in_zones(tracks, number, time)
        self.ground.update(tracks)
        if places := self.ground.places:
            measured.append(GroundPlaces(frame.stream, number, time, places))
        return measured

    def _in_zones(self, tracks: Tracks, number: int, time: str) -> Iterator[ZoneEvents]:
        """Yields a frame's zone events and counts if there are events, or other counts than before.

        They are also yielded every ten seconds, for subscribers that have come meanwhile.
        """
        before, latest = dict(self.zones.counts), self.zones.state.latest
        events = self.zones.update(tracks, number, time)
        counts = dict(self.zones.counts)
        is_due = tracks.frame.seconds // _REPEAT_SECONDS != latest // _REPEAT_SECONDS
        if counts and (events or is_due or counts != before):
            yield ZoneEvents(tracks.frame.stream, number, time, tuple(events), counts)

    def _shown_view(self, frame: FrameHeader) -> View | None:
        """Returns a frame's view for drawing: its own, or else the last one if it is recent."""
        if frame.view is None:
            return None
        if frame.view:
            self._known = KnownView(frame.view, frame.epoch, frame.seconds)
        known = self._known
        if known is None or known.epoch != frame.epoch:
            return ()
        return known.view if frame.seconds - known.seconds <= OUTAGE_SECONDS else ()
