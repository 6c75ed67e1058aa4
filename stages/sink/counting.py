"""What is counted of the vehicles of a stream: at its lines, and in its zones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from stages.records import Tracks
from stages.sink.crossings import Crossings, LineCounter, LineCounterState, line_faults
from stages.sink.options import SinkOptions
from stages.sink.times import time_of
from stages.sink.zones import ZoneCounter, ZoneCounterState, ZoneEvents, zone_faults

Counted: TypeAlias = Crossings | ZoneEvents
"""What a frame has shown to have happened at lines, or at zones."""


class Counting:
    """The counters of one stream.

    Args:
        options: Its lines and zones.
        crossings: State of an earlier `LineCounter`, which this one's continues.
        zones: State of an earlier `ZoneCounter`, likewise.

    Attributes:
        crossings: Counts the vehicles across lines.
        zones: Counts the vehicles in zones.
    """

    def __init__(
        self,
        options: SinkOptions,
        crossings: LineCounterState | None = None,
        zones: ZoneCounterState | None = None,
    ) -> None:
        self._options = options
        self.crossings = LineCounter(options.lines, crossings)
        self.zones = ZoneCounter(options.zones, zones)

    def faults(self, height: int, width: int) -> Iterator[str]:
        """Yields a message for each line and zone that no vehicle in such frames will reach."""
        yield from line_faults(self._options.lines, height, width)
        yield from zone_faults(self._options.zones, height, width)

    def update(self, tracks: Tracks, number: int, *, live: bool) -> list[Counted]:
        """Takes in a frame with its 1-based number; returns what is now known to have happened."""
        frame, counted = tracks.frame, list[Counted]()
        time = time_of(frame, live=live)
        if crossed := self.crossings.update(tracks, number, time):
            counts = dict(self.crossings.counts)
            counted.append(Crossings(frame.stream, tuple(crossed), counts))
        if events := self.zones.update(tracks, number, time):
            counted.append(ZoneEvents(frame.stream, tuple(events), dict(self.zones.counts)))
        return counted
