"""Vehicles across lines in the picture: which, when, and in which direction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.records import Tracks
from stages.sink.places import Place, Point, checked, numbers, places, usual_class, vote

Line: TypeAlias = tuple[float, float, float, float]
"""The ends of a line, x and y of the first and x and y of the second, in pixels of the frame."""

Direction: TypeAlias = Literal["left", "right"]

_SHORTEST = 5.0  # pixels
_REMEMBERED_TRACKS = 1024
_REMEMBERED_FRAMES = 1000  # far more than trackers follow a vehicle unseen, by their defaults


class Counts(NamedTuple):
    """How many vehicles have crossed a line to the left and to the right of it.

    Right and left are those of somebody who goes from its first end to its second.
    """

    left: int = 0
    right: int = 0

    def plus(self, direction: Direction) -> Counts:
        """The counts after one more vehicle."""
        return self._replace(**{direction: getattr(self, direction) + 1})


class Crossing(NamedTuple):
    """A vehicle that has crossed a line.

    Attributes:
        number: 1-based number of the frame in which it was first on the other side.
        time: That frame's time, see `time_of`.
        identity: Its track's id.
        class_index: Index of the class of most of its boxes so far, see `usual_class`.
        line: Name of the line.
        direction: To which side of the line, see `Counts`.
    """

    number: int
    time: str
    identity: int
    class_index: int
    line: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Crossings:
    """Vehicles of which a frame has shown that they crossed a line.

    Attributes:
        stream: Name of the stream.
        crossings: One for each vehicle and line.
        counts: How many have crossed each line so far, these included.
    """

    stream: str
    crossings: tuple[Crossing, ...]
    counts: dict[str, Counts]


class Passage(NamedTuple):
    """A track's step from one side of a line, extended beyond its ends, to the other.

    Attributes:
        number: Number of the first frame on the other side.
        time: That frame's time.
        between: Whether the step led between the line's ends.
    """

    number: int
    time: str
    between: bool


@dataclass(slots=True)
class TrackPosition:
    """Where a track is.

    Attributes:
        place: The `Place.point` where its vehicle stood last.
        rightwards: Of each line, whether it is to the right: where it was first, until it has come
            to the other side farther than it trembles.
        passages: Its latest passage of each line.
        seen: In which of the counter's frames it was seen last.
        classes: How many of its boxes had each class, see `vote`.
    """

    place: Point
    rightwards: list[bool]
    passages: list[Passage | None]
    seen: int = 0
    classes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class LineCounterState:
    """What a `LineCounter` knows of the tracks so far.

    Attributes:
        counts: How many vehicles have crossed each line.
        tracks: Where each track is; the one seen last is the last.
        frames: How many frames have been taken in.
    """

    counts: dict[str, Counts]
    tracks: dict[int, TrackPosition] = field(default_factory=dict)
    frames: int = 0


class LineCounter:
    """Counts the vehicles of one stream across lines.

    A vehicle is where it stands, see `places`. It has crossed a line when it is on the other side,
    farther than its box may tremble. When and where it did is told by its latest step from side to
    side: that must have led between the line's ends. One that turns back crosses again, in the
    other direction. It is known where the tracks of the latest 1,000 frames were, of 1,024 at most.

    Args:
        lines: The lines by name.
        state: That of an earlier counter, which this one continues.

    Raises:
        ValueError: A line is none, see `checked_line`; the message names it.
    """

    def __init__(self, lines: Mapping[str, Line], state: LineCounterState | None = None) -> None:
        self.state = state or LineCounterState(dict.fromkeys(lines, Counts()))
        self._lines = checked("line", lines, checked_line)

    @property
    def counts(self) -> dict[str, Counts]:
        """How many vehicles have crossed each line."""
        return self.state.counts

    def update(self, tracks: Tracks, number: int, time: str) -> list[Crossing]:
        """Takes in the tracks of one frame; returns who is now known to have crossed which line.

        Args:
            tracks: The tracks.
            number: The frame's 1-based number.
            time: Its time, see `time_of`.
        """
        if not self._lines:
            return []
        self.state.frames += 1
        crossings = []
        for place in places(tracks):
            track = self._track(place)
            vote(track.classes, place.class_index)
            for line, direction, passage in self._move(track, place, number, time):
                self.counts[line] = self.counts[line].plus(direction)
                who = place.identity, usual_class(track.classes)
                crossings.append(Crossing(passage.number, passage.time, *who, line, direction))
        self._forget()
        return crossings

    def _forget(self) -> None:
        """Forgets the tracks that will not come back, and the oldest of too many."""
        known, oldest = self.state.tracks, self.state.frames - _REMEMBERED_FRAMES
        for identity in list(known):
            if known[identity].seen > oldest and len(known) <= _REMEMBERED_TRACKS:
                return
            del known[identity]

    def _track(self, place: Place) -> TrackPosition:
        """Returns the track of a place, which becomes the one seen last; a new one begins there."""
        point = place.point
        track = self.state.tracks.pop(place.identity, None)
        if track is None:
            rightwards = [_offset(line[:2], line[2:], point) > 0 for line in self._lines.values()]
            track = TrackPosition(point, rightwards, [None] * len(rightwards))
        self.state.tracks[place.identity] = track
        track.seen = self.state.frames
        return track

    def _move(
        self, track: TrackPosition, place: Place, number: int, time: str
    ) -> Iterator[tuple[str, Direction, Passage]]:
        """Moves a track to a place; yields the lines that it has crossed."""
        point, before, track.place = place.point, track.place, place.point
        for k, (name, line) in enumerate(self._lines.items()):
            first, second = line[:2], line[2:]
            offset = _offset(first, second, point)
            is_right = offset > 0
            if is_right != (_offset(first, second, before) > 0):
                ends = {_offset(before, point, end) > 0 for end in (first, second)}
                track.passages[k] = Passage(number, time, between=len(ends) == 2)
            reach = place.margin * math.dist(first, second)
            if is_right == track.rightwards[k] or abs(offset) <= reach:
                continue
            track.rightwards[k] = is_right
            passage = track.passages[k]
            assert passage is not None
            if passage.between:
                yield name, "right" if is_right else "left", passage


def checked_line(line: npt.ArrayLike) -> Line:
    """Returns the four numbers of a line.

    Raises:
        ValueError: They are not four, not finite, or those of two equal ends.
    """
    ends = numbers(line)
    if ends.shape != (4,) or not np.isfinite(ends).all() or (ends[:2] == ends[2:]).all():
        raise ValueError("a line is [x1, y1, x2, y2] with two different ends")
    x1, y1, x2, y2 = ends.tolist()
    return x1, y1, x2, y2


def line_faults(lines: Mapping[str, Line], height: int, width: int) -> Iterator[str]:
    """Yields a message for each line that no vehicle in frames of this size will cross."""
    for name, (x1, y1, x2, y2) in lines.items():
        length = math.hypot(x2 - x1, y2 - y1)
        if length < _SHORTEST:
            yield f"line {name!r} is {length:.1f} pixels long; its ends are in pixels of the frame"
        elif min(x1, x2) > width or min(y1, y2) > height or max(x1, x2) < 0 or max(y1, y2) < 0:
            yield f"line {name!r} lies outside the frame of {width}x{height}: nothing will cross it"


def crossing_rows(crossings: Sequence[Crossing], class_names: Sequence[str]) -> str:
    """Rows ``frame,time,id,class,line,direction``, each ended by a newline."""
    names = dict(enumerate(class_names))
    return "".join(
        f"{number},{time},{identity},{names.get(index, '')},{line},{direction}\n"
        for number, time, identity, index, line, direction in crossings
    )


def _offset(start: Point, end: Point, point: Point) -> float:
    """Twice the area of the triangle; positive if ``point`` is to the right of the way."""
    (ax, ay), (bx, by), (x, y) = start, end, point
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)
