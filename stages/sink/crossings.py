"""Vehicles across lines in the picture: which, when, and in which direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from stages.records import FrameHeader, Tracks
from stages.sink.times import utc_time

Line: TypeAlias = tuple[float, float, float, float]
"""The ends of a line, x and y of the first and x and y of the second, in pixels of the frame."""

Direction: TypeAlias = Literal["left", "right"]

_Point: TypeAlias = tuple[float, float]

_TREMBLING = 0.1  # of a box's size: a vehicle less far from a line is on it
_REMEMBERED_TRACKS = 1024


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
        identity: Its track's id.
        class_index: Index of its class.
        line: Name of the line.
        direction: To which side of the line, see `Counts`.
    """

    identity: int
    class_index: int
    line: str
    direction: Direction


@dataclass(slots=True)
class LineCounterState:
    """What a `LineCounter` knows of the tracks so far.

    Attributes:
        counts: How many vehicles have crossed each line.
        places: Where each track last was beside each line, not on it; the track seen last is the
            last.
    """

    counts: dict[str, Counts]
    places: dict[int, list[_Point | None]] = field(default_factory=dict)


class LineCounter:
    """Counts the vehicles of one stream across lines.

    A vehicle is where it stands: at the middle of its box's lower edge. It crosses a line when it
    has come to the other side, farther than a box trembles, and its way there led between the
    line's ends. One that turns back crosses again, in the other direction. Of the latest 1,024
    tracks it is known where they were.

    Args:
        lines: The lines by name.
        state: That of an earlier counter, which this one continues.
    """

    def __init__(self, lines: Mapping[str, Line], state: LineCounterState | None = None) -> None:
        self.state = state or LineCounterState(dict.fromkeys(lines, Counts()))
        self._lines = dict(lines)

    @property
    def counts(self) -> dict[str, Counts]:
        """How many vehicles have crossed each line."""
        return self.state.counts

    def update(self, tracks: Tracks) -> list[Crossing]:
        """Takes in the tracks of one frame; returns who has crossed which line since."""
        if not self._lines:
            return []
        widths, heights = (tracks.boxes[:, 2:] - tracks.boxes[:, :2]).T
        margins = (_TREMBLING * np.sqrt(widths * heights)).tolist()
        feet = np.column_stack((tracks.boxes[:, [0, 2]].mean(axis=1), tracks.boxes[:, 3])).tolist()
        crossings = []
        for identity, index, foot, margin in zip(
            tracks.ids.tolist(), tracks.classes.tolist(), feet, margins, strict=True
        ):
            for line, direction in self._move(identity, tuple(foot), margin):
                self.counts[line] = self.counts[line].plus(direction)
                crossings.append(Crossing(identity, index, line, direction))
        for identity in list(self.state.places)[:-_REMEMBERED_TRACKS]:
            del self.state.places[identity]
        return crossings

    def _move(self, identity: int, place: _Point, margin: float) -> Iterator[tuple[str, Direction]]:
        """Moves a track to ``place``; yields the lines that it crosses, and the directions."""
        places = self.state.places.pop(identity, None) or [None] * len(self._lines)
        self.state.places[identity] = places
        for k, (name, (x1, y1, x2, y2)) in enumerate(self._lines.items()):
            first, second = (x1, y1), (x2, y2)
            distance = _offset(first, second, place) / np.hypot(x2 - x1, y2 - y1)
            if not abs(distance) > margin:
                continue
            before, places[k] = places[k], place
            if before is None or (_offset(first, second, before) > 0) == (distance > 0):
                continue
            if (_offset(before, place, first) > 0) != (_offset(before, place, second) > 0):
                yield name, "right" if distance > 0 else "left"


def crossing_rows(
    crossings: Sequence[Crossing],
    frame: FrameHeader,
    number: int,
    class_names: Sequence[str],
    *,
    live: bool,
) -> str:
    """Rows ``frame,time,id,class,line,direction``, each ended by a newline.

    Args:
        crossings: Who has crossed.
        frame: Since the frame before this one.
        number: The frame's 1-based number.
        class_names: Names of the classes.
        live: The time is that of the capture, in UTC; otherwise the frame's own in seconds.
    """
    time = utc_time(frame.captured_ns) if live else f"{frame.seconds:.3f}"
    names = dict(enumerate(class_names))
    return "".join(
        f"{number},{time},{identity},{names.get(index, '')},{line},{direction}\n"
        for identity, index, line, direction in crossings
    )


def _offset(start: _Point, end: _Point, point: _Point) -> float:
    """Twice the area of the triangle; positive if ``point`` is to the right of the way."""
    (ax, ay), (bx, by), (x, y) = start, end, point
    return (bx - ax) * (y - ay) - (by - ay) * (x - ax)
