from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import pytest

from stages.sink.crossings import Counts, Line, LineCounter, LineCounterState, crossing_rows
from tests.stages.sink.conftest import make_header, make_tracks

EASTWARDS = (10.0, 50.0, 90.0, 50.0)
NORTHWARDS = (50.0, 90.0, 50.0, 10.0)


def box(x: float, y: float) -> list[float]:
    """A box of 20x20 whose vehicle stands at x, y."""
    return [x - 10, y - 20, x + 10, y]


def move(counter: LineCounter, *places: Iterable[float], identity: int = 1) -> list[str]:
    crossed = []
    for place in places:
        tracks = make_tracks(make_header(0), [box(*place)], [identity])
        crossed += [f"{each.line} {each.direction}" for each in counter.update(tracks)]
    return crossed


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


def test_only_the_way_between_the_ends_counts() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (5, 40), (5, 60)) == []
    assert move(counter, (50, 60), (50, 40)) == ["gate left"]
    assert move(counter, (95, 40), (95, 60), (50, 60)) == []


def test_a_box_that_trembles_on_the_line_does_not_count() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 40), (50, 51), (50, 49), (50, 51.9), (50, 48.1)) == []
    assert move(counter, (50, 52.1), (50, 49), (50, 51)) == ["gate right"]
    assert move(counter, (50, 47.9)) == ["gate left"]


def test_who_goes_through_the_corner_of_two_lines_crosses_one_of_them() -> None:
    counter = LineCounter({"west": (10, 50, 50, 50), "east": (50, 50, 90, 50)})
    crossed = move(counter, (50, 30), (50, 70))
    assert len(crossed) == 1
    assert move(counter, (30, 70), (30, 30), (70, 30), (70, 70)) == ["west left", "east right"]


def test_each_track_has_its_own_way() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for y in (40, 60):
        boxes = [box(50, y), box(50, 100 - y), [np.nan] * 4]
        crossed = counter.update(make_tracks(make_header(0), boxes, [7, 3, 5]))
    assert [(each.identity, each.direction) for each in crossed] == [(7, "right"), (3, "left")]
    assert counter.update(make_tracks(make_header(2))) == []


def test_memory_is_bounded_by_the_latest_tracks() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for identity in range(1, 1100):
        move(counter, (50, 40), identity=identity)
    assert len(counter.state.places) == 1024
    assert move(counter, (50, 60), identity=1) == []
    assert move(counter, (50, 60), identity=1000) == ["gate right"]


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
    assert second.state.places == {1: [(60.0, 40.0), (60.0, 40.0)]}


def test_without_lines_nothing_is_remembered() -> None:
    counter = LineCounter({})
    assert move(counter, (50, 40), (50, 60)) == []
    assert counter.state == LineCounterState({})


@pytest.mark.parametrize(
    ("live", "time"), [(False, "0.120"), (True, "1970-01-01T00:00:00.120+00:00")]
)
def test_rows_say_when_who_crossed_what(live: bool, time: str) -> None:
    counter = LineCounter({"stop line": EASTWARDS})
    for y in (40, 60):
        crossed = counter.update(make_tracks(make_header(3), [box(50, y)], [12]))
    rows = crossing_rows(crossed, make_header(3), 4, ["car", "bus"], live=live)
    assert rows == f"4,{time},12,car,stop line,right\n"
    assert f"{time},12,,stop line" in crossing_rows(crossed, make_header(3), 4, [], live=live)
