from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest

from stages.sink.crossings import (
    Counts,
    Crossing,
    Line,
    LineCounter,
    LineCounterState,
    crossing_rows,
    line_faults,
)
from tests.stages.sink.conftest import make_header, make_tracks

EASTWARDS = (10.0, 50.0, 90.0, 50.0)
NORTHWARDS = (50.0, 90.0, 50.0, 10.0)


def box(x: float, y: float) -> list[float]:
    """A box of 20x20 whose vehicle stands at x, y."""
    return [x - 10, y - 20, x + 10, y]


def crossings(counter: LineCounter, *places: Iterable[float], identity: int = 1) -> list[Crossing]:
    """A vehicle's crossings on its way through ``places``, one a frame, from frame 1 on."""
    return [
        crossing
        for number, place in enumerate(places, 1)
        for crossing in counter.update(
            make_tracks(make_header(0), [box(*place)], [identity]), number, f"{number / 25:.2f}"
        )
    ]


def move(counter: LineCounter, *places: Iterable[float], identity: int = 1) -> list[str]:
    crossed = crossings(counter, *places, identity=identity)
    return [f"{each.line} {each.direction}" for each in crossed]


def test_the_class_is_that_of_most_boxes() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for number, (y, index) in enumerate(((30, 1), (40, 1), (60, 0)), 1):
        tracks = make_tracks(make_header(0), [box(50, y)], [1])
        tracks = dataclasses.replace(tracks, classes=np.array([index], np.int16))
        crossed = counter.update(tracks, number, "")
    assert [each.class_index for each in crossed] == [1]


@pytest.mark.parametrize(
    ("line", "to", "direction"),
    [
        (EASTWARDS, (50, 60), "right"),
        (EASTWARDS, (50, 40), "left"),
        (NORTHWARDS, (60, 50), "right"),
        (NORTHWARDS, (40, 50), "left"),
    ],
)
def test_left_and_right_are_those_of_who_goes_along_the_line(
    line: Line, to: tuple[float, float], direction: str
) -> None:
    counter = LineCounter({"gate": line})
    away = (100 - to[0], 100 - to[1])
    assert move(counter, away, (50, 50), to) == [f"gate {direction}"]
    assert counter.counts == {"gate": Counts(**{direction: 1})}
    assert move(counter, away) == [f"gate {'left' if direction == 'right' else 'right'}"]
    assert counter.counts == {"gate": Counts(1, 1)}
    assert move(counter, to, away) != []
    assert counter.counts == {"gate": Counts(2, 2)}


def test_only_the_way_between_the_ends_counts() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (5, 40), (5, 60)) == []
    assert move(counter, (50, 60), (50, 40)) == ["gate left"]
    assert move(counter, (95, 40), (95, 60), (50, 60)) == []


def test_a_box_that_trembles_on_the_line_does_not_count() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 40), (50, 51), (50, 49), (50, 52), (50, 48.1)) == []
    assert move(counter, (50, 52.1), (50, 49), (50, 51)) == ["gate right"]
    assert move(counter, (50, 47.9)) == ["gate left"]


def test_how_far_a_box_may_tremble_depends_on_its_area() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for bottom in (40, 51.9, 52.1):  # 40x10, which has the area of 20x20
        box = [30, bottom - 10, 70, bottom]
        crossed = counter.update(make_tracks(make_header(0), [box], [1]), 1, "")
        assert len(crossed) == (bottom == 52.1)


def test_a_box_that_is_nowhere_for_once_crosses_nothing() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    nowhere = (np.nan, np.nan)
    assert move(counter, (50, 60), nowhere, (50, 70), nowhere, (50, 40)) == ["gate left"]


def test_the_first_frame_on_the_other_side_tells_when() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    places = [(50, 40), (50, 49), (50, 50.5), (50, 51), (50, 51.5), (50, 60)]
    assert crossings(counter, *places) == [Crossing(3, "0.12", 1, 0, "gate", "right")]
    # One that trembles on the line: the last time, after which it stays there.
    places = [(50, 49.5), (50, 51), (50, 49), (50, 40)]
    assert [each.number for each in crossings(counter, *places)] == [3]


def test_a_way_along_the_line_counts_where_it_comes_to_the_other_side() -> None:
    counter = LineCounter({"mouth": (10, 50, 40, 50), "next": (40, 50, 90, 50)})
    # Beside the line's extension all the way from x=90, then across it between its ends.
    assert move(counter, (90, 30), (80, 48.5), (30, 49), (25, 51), (25, 60)) == ["mouth right"]
    # Across "next", then along both of them: it has not driven over "mouth".
    way = (70, 30), (70, 49), (70, 51), (20, 51), (20, 60)
    assert move(counter, *way, identity=2) == ["next right"]


def test_a_track_that_begins_on_a_line_began_on_the_side_where_it_was_first() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 49), (50, 60)) == ["gate right"]
    assert move(counter, (50, 51), (50, 49.5), (50, 60), identity=2) == []


def test_who_goes_through_the_corner_of_two_lines_crosses_one_of_them() -> None:
    counter = LineCounter({"west": (10, 50, 50, 50), "east": (50, 50, 90, 50)})
    crossed = move(counter, (50, 30), (50, 70))
    assert len(crossed) == 1
    assert move(counter, (30, 70), (30, 30), (70, 30), (70, 70)) == ["west left", "east right"]


@pytest.mark.parametrize(
    "line",
    [
        (0, 1, 2),
        ((12, 0), (12, 30)),
        (5, 9, 5, 9),
        (0, 5, 9, np.nan),
        (0, 5, 9, "x"),
        (0, 5, 9, 10**400),
    ],
)
def test_a_line_without_two_ends_is_refused(line: Line) -> None:
    with pytest.raises(ValueError, match=r"line 'out': a line is .* with two different ends, got"):
        LineCounter({"gate": EASTWARDS, "out": line})


def test_each_track_has_its_own_way() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for y in (40, 60):
        boxes = [box(50, y), box(50, 100 - y), [np.nan] * 4]
        crossed = counter.update(make_tracks(make_header(0), boxes, [7, 3, 5]), 1, "")
    assert [(each.identity, each.direction) for each in crossed] == [(7, "right"), (3, "left")]
    assert counter.update(make_tracks(make_header(2)), 2, "") == []


def test_memory_is_bounded_by_the_latest_tracks() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    move(counter, (50, 40), identity=9999)
    for first in range(1, 1100, 100):
        identities = [*range(first, first + 100), 9999]  # the last seen throughout, on the line
        boxes = [box(50, 40 if identity < 9999 else 51) for identity in identities]
        counter.update(make_tracks(make_header(0), boxes, identities), 1, "")
    assert len(counter.state.tracks) == 1024
    assert move(counter, (50, 60), identity=1) == []
    assert move(counter, (50, 60), identity=9999) == ["gate right"]
    assert move(counter, (50, 60), identity=1000) == ["gate right"]


def test_a_track_is_forgotten_after_1000_frames_without_it() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    nowhere = (np.nan, np.nan)
    assert move(counter, (50, 40), *[nowhere] * 999, (50, 60)) == ["gate right"]
    assert move(counter, *[nowhere] * 999) == []
    assert list(counter.state.tracks) == [1]
    assert move(counter, nowhere) == []
    assert counter.state.tracks == {}


def test_a_second_counter_goes_on_from_the_state_of_the_first() -> None:
    lines = {"gate": EASTWARDS, "side": NORTHWARDS}
    first = LineCounter(lines)
    move(first, (50, 40), (50, 60), (30, 60))
    saved = msgspec.msgpack.encode(first.state)
    move(first, (30, 20))  # after the state was saved
    state = msgspec.msgpack.decode(saved, type=LineCounterState)
    second = LineCounter(lines, state)
    assert second.counts == {"gate": Counts(0, 1), "side": Counts()}
    assert move(second, (30, 40), (60, 40)) == ["gate left", "side right"]
    assert second.state.tracks[1].place == (60, 40)


def test_without_lines_nothing_is_remembered() -> None:
    counter = LineCounter({})
    assert move(counter, (50, 40), (50, 60)) == []
    assert counter.state == LineCounterState({})


def test_rows_say_when_who_crossed_what() -> None:
    crossed = [Crossing(4, "0.120", 12, 0, "stop line", "right")]
    assert crossing_rows(crossed, ["car", "bus"]) == "4,0.120,12,car,stop line,right\n"
    assert crossing_rows(crossed, []) == "4,0.120,12,,stop line,right\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ((10, 10, 13, 14), ""),
        ((10, 10, 13, 13.9), "line 'gate' is 4.9 pixels long"),
        ((200, 0, 300, 90), ""),
        ((201, 0, 300, 90), "line 'gate' lies outside the frame of 200x100"),
        ((150, 100, 300, 200), ""),
        ((150, 101, 300, 200), "outside"),
        ((-9, 50, 0, 60), ""),
        ((-9, 50, -1, 60), "outside"),
        ((50, -9, 60, 0), ""),
        ((50, -9, 60, -1), "outside"),
    ],
)
def test_a_line_that_nothing_can_cross_is_a_fault(line: Line, fault: str) -> None:
    for ends in (line, (*line[2:], *line[:2])):
        found = list(line_faults({"gate": ends}, height=100, width=200))
        assert len(found) == bool(fault)
        assert fault in "".join(found)
