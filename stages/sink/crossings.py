"""Counts vehicles that cross lines in the image: which, when, and in which direction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy.typing as npt

from stages.measurements import Counts, Crossing, Direction
from stages.records import Tracks
from stages.sink.places import (
    Anchor,
    Place,
    Point,
    checked,
    countable_places,
    most_frequent_class,
    numbers,
    vote,
)

Line: TypeAlias = tuple[float, float, float, float]
"""The two ends of a line, ``(x1, y1, x2, y2)`` in pixels of the frame, or of the picture to which
its `View` maps it."""

_MIN_LENGTH = 5.0  # pixels
_REMEMBERED_TRACKS = 1024
_REMEMBERED_FRAMES = 1000  # far longer than trackers keep unseen vehicles by default


class Passage(NamedTuple):
    """A track's step across a line or its extension beyond the ends.

    Attributes:
        number: Number of the first frame on the other side.
        time: That frame's time.
        between: Whether the step passed between the line's ends.
    """

    number: int
    time: str
    between: bool


@dataclass(slots=True)
class TrackPosition:
    """The position of a track relative to the lines.

    Attributes:
        place: The latest `Place.point` of its vehicle.
        rightwards: For each line, whether the track counts as to the right of it. The side changes
            only when the vehicle is on the other side by more than its jitter.
        passages: Its latest passage of each line.
        seen: The counter's frame in which it was last seen.
        classes: How many of its boxes had each class, see `vote`.
    """

    place: Point
    rightwards: list[bool]
    passages: list[Passage | None]
    seen: int = 0
    classes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class LineCounterState:
    """The state of a `LineCounter`.

    Attributes:
        counts: Number of vehicles that have crossed each line.
        tracks: Position of each track, in the order in which they were last seen.
        frames: Number of frames so far.
    """

    counts: dict[str, Counts]
    tracks: dict[int, TrackPosition] = field(default_factory=dict)
    frames: int = 0


class LineCounter:
    """Counts the vehicles of one stream that cross lines.

    A vehicle's position is the anchor of its box, see `Place`. A vehicle has crossed a line
    when it is on the other side by more than the jitter of its box. The time of the crossing is
    that of its latest step from side to side, which must have passed between the line's ends. A
    vehicle that turns back crosses again, in the other direction. Positions are kept for tracks
    seen in the latest 1,000 frames, at most 1,024 of them.

    Args:
        lines: The lines by name.
        state: State of an earlier counter to continue from.
        anchor: Point of a box that is its vehicle's position.

    Raises:
        ValueError: A line is invalid, see `checked_line`; the message names it.
    """

    def __init__(
        self,
        lines: Mapping[str, Line],
        state: LineCounterState | None = None,
        anchor: Anchor = "bottom_center",
    ) -> None:
        self.state = state or LineCounterState(dict.fromkeys(lines, Counts()))
        self._lines = checked("line", lines, checked_line)
        self._anchor: Anchor = anchor

    @property
    def counts(self) -> dict[str, Counts]:
        """Number of vehicles that have crossed each line."""
        return self.state.counts

    def update(self, tracks: Tracks, number: int, time: str) -> list[Crossing]:
        """Adds the tracks of one frame; returns the crossings that it confirms.

        Args:
            tracks: The tracks.
            number: The frame's 1-based number.
            time: Its time, see `time_of`.
        """
        if not self._lines:
            return []
        self.state.frames += 1
        crossings = []
        places = countable_places(tracks, self._anchor)
        self._keep(set(tracks.ids.tolist()).difference(place.identity for place in places))
        for place in places:
            track = self._track(place)
            vote(track.classes, place.class_index)
            for line, direction, passage in self._move(track, place, number, time):
                self.counts[line] = self.counts[line].plus(direction)
                who = place.identity, most_frequent_class(track.classes)
                crossings.append(Crossing(passage.number, passage.time, *who, line, direction))
        self._forget()
        return crossings

    def _keep(self, identities: Iterable[int]) -> None:
        """Keeps tracks without a position from being forgotten.

        They are in the frame, but its edge cuts them, or its view is not found.
        """
        known = self.state.tracks
        for identity in known.keys() & identities:
            track = known[identity] = known.pop(identity)  # so that the latest ones come last
            track.seen = self.state.frames

    def _forget(self) -> None:
        """Forgets tracks that will not return, and the oldest if there are too many."""
        known, oldest = self.state.tracks, self.state.frames - _REMEMBERED_FRAMES
        for identity in list(known):
            if known[identity].seen > oldest and len(known) <= _REMEMBERED_TRACKS:
                return
            del known[identity]

    def _track(self, place: Place) -> TrackPosition:
        """Returns the track of a place, created if new, and makes it the one last seen."""
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
        """Moves a track to a place; yields the lines that it has now crossed."""
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
        ValueError: There are not four numbers, one is not finite, or both ends are equal.
    """
    ends = numbers(line)
    if ends.shape != (4,) or (ends[:2] == ends[2:]).all():
        raise ValueError("a line is [x1, y1, x2, y2] with two different ends")
    x1, y1, x2, y2 = ends.tolist()
    return x1, y1, x2, y2


def line_faults(lines: Mapping[str, Line], height: int, width: int) -> Iterator[str]:
    """Yields a message for each line that no vehicle in frames of this size will cross."""
    for name, (x1, y1, x2, y2) in lines.items():
        length = math.hypot(x2 - x1, y2 - y1)
        if length < _MIN_LENGTH:
            yield f"line {name!r} is {length:.1f} pixels long; its ends are in pixels of the frame"
        elif min(x1, x2) > width or min(y1, y2) > height or max(x1, x2) < 0 or max(y1, y2) < 0:
            yield f"line {name!r} lies outside the frame of {width}x{height}: nothing will cross it"


def crossing_rows(crossings: Sequence[Crossing], class_names: Sequence[str]) -> str:
    """Returns rows ``frame,time,id,class,line,direction``, each ended by a newline."""
    names = dict(enumerate(class_names))
    return "".join(
        f"{number},{time},{identity},{names.get(index, '')},{line},{direction}\n"
        for number, time, identity, index, line, direction in crossings
    )


def _offset(start: Point, end: Point, point: Point) -> float:
    """Returns twice the triangle's area; positive if ``point`` is right of ``start`` to ``end``."""
    (ax, ay), (bx, by), (x, y) = start, end, point
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)
