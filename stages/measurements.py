"""What is measured in the frames of a stream: events at lines and zones, and ground positions.

How they are encoded between processes is defined in ``pipeline/transport/messages.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Direction: TypeAlias = Literal["left", "right"]

ZoneEventKind: TypeAlias = Literal["enter", "stay", "leave", "lost"]


class Counts(NamedTuple):
    """Number of vehicles that have crossed a line to its left and to its right.

    Left and right are as seen when looking from the line's first end to its second.
    """

    left: int = 0
    right: int = 0

    def plus(self, direction: Direction) -> Counts:
        """Returns the counts with one more vehicle in that direction."""
        return self._replace(**{direction: getattr(self, direction) + 1})


class Crossing(NamedTuple):
    """A vehicle that has crossed a line.

    Attributes:
        number: 1-based number of the frame in which it was first on the other side.
        time: That frame's time, see `time_of`.
        identity: Its track's id.
        class_index: Index of its most frequent class so far, see `most_frequent_class`.
        line: Name of the line.
        direction: Side of the line that it crossed to, see `Counts`.
    """

    number: int
    time: str
    identity: int
    class_index: int
    line: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Crossings:
    """The line crossings that were detected in a frame.

    Attributes:
        stream: Name of the stream.
        crossings: One for each vehicle and line.
        counts: Number of vehicles that have crossed each line so far, these included.
    """

    stream: str
    crossings: tuple[Crossing, ...]
    counts: dict[str, Counts]


class ZoneCounts(NamedTuple):
    """Number of vehicles that have entered a zone, and that are inside in the latest frame."""

    entered: int = 0
    inside: int = 0


class ZoneEvent(NamedTuple):
    """A vehicle that has entered a zone, stayed there for long, left it, or was lost in it.

    Attributes:
        number: 1-based number of the first frame inside the zone when it enters, of the last frame
            inside so far otherwise.
        time: That frame's time, see `time_of`.
        identity: Its track's id.
        class_index: Index of its most frequent class so far, see `most_frequent_class`.
        zone: Name of the zone.
        kind: ``"enter"``; ``"stay"``, once it has been inside for `ZoneCounter`'s limit;
            ``"leave"``; or ``"lost"``, if its track ended in the zone.
        seconds: Time from its first frame inside to that frame; 0 when it enters.
    """

    number: int
    time: str
    identity: int
    class_index: int
    zone: str
    kind: ZoneEventKind
    seconds: float


@dataclass(frozen=True, slots=True)
class ZoneEvents:
    """The zone events that were detected in a frame, and how many vehicles are in the zones.

    Attributes:
        stream: Name of the stream.
        number: The frame's 1-based number.
        time: Its time, see `time_of`.
        events: In the order in which they were confirmed; a vehicle that reappears may be lost and
            enter again in one frame. There may be none.
        counts: Counts of each zone in that frame, these events included.
    """

    stream: str
    number: int
    time: str
    events: tuple[ZoneEvent, ...]
    counts: dict[str, ZoneCounts]


class GroundPlace(NamedTuple):
    """A vehicle's position on the ground.

    Attributes:
        identity: Its track's id.
        x: Metres in the coordinate system of the `GroundPoints`.
        y: Metres in the coordinate system of the `GroundPoints`.
        speed: Mean over the last second in km/h; None until half a second is known.
    """

    identity: int
    x: float
    y: float
    speed: float | None


@dataclass(frozen=True, slots=True)
class GroundPlaces:
    """Positions on the ground of the vehicles in a frame.

    Attributes:
        stream: Name of the stream.
        number: The frame's 1-based number.
        time: Its time, see `time_of`.
        places: One for each vehicle whose position is known, sorted by id.
    """

    stream: str
    number: int
    time: str
    places: tuple[GroundPlace, ...]


Measured: TypeAlias = Crossings | ZoneEvents | GroundPlaces
"""A measurement of a frame: events at lines, events at zones, or positions of vehicles."""
