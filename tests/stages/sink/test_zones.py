from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest

from stages.records import FrameHeader
from stages.sink.zones import (
    Zone,
    ZoneCounter,
    ZoneCounterState,
    ZoneCounts,
    ZoneEvent,
    zone_faults,
    zone_rows,
)
from tests.stages.sink.conftest import make_header, make_tracks

SQUARE: Zone = ((20, 20), (80, 20), (80, 80), (20, 80))
RING: Zone = ((0, 0), (90, 0), (90, 90), (60, 90), (60, 30), (30, 30), (30, 90), (0, 90))  # an arch
AWAY = (200.0, 200.0)


def box(x: float, y: float) -> list[float]:
    """A box of 20x20, which may tremble by 2 pixels, whose vehicle stands at x, y."""
    return [x - 10, y - 20, x + 10, y]


def at(second: float, epoch: int = 0) -> FrameHeader:
    return make_header(0, pts=round(100 * second), time_base=Fraction(1, 100), epoch=epoch)


def events(
    counter: ZoneCounter, *places: Iterable[float], identity: int = 1, first: int = 1
) -> list[ZoneEvent]:
    """What happens to a vehicle on its way through ``places``, one a frame, at 1 frame/s."""
    return [
        event
        for number, place in enumerate(places, first)
        for event in counter.update(
            make_tracks(at(number), [box(*place)], [identity]), number, f"{number}.0"
        )
    ]


def told(happened: Iterable[ZoneEvent]) -> list[tuple[str, str, int, float]]:
    return [(each.zone, each.kind, each.number, each.seconds) for each in happened]


def test_a_stay_has_a_first_and_a_last_frame() -> None:
    counter = ZoneCounter({"box": SQUARE})
    way = (10, 50), (18, 50), (30, 50), (50, 50), (79, 50), (90, 50), (99, 50)
    assert events(counter, *way[:3]) == [ZoneEvent(3, "3.0", 1, 0, "box", "enter", 0.0)]
    assert counter.counts == {"box": ZoneCounts(entered=1, inside=1)}
    assert events(counter, *way[3:], first=4) == [ZoneEvent(5, "5.0", 1, 0, "box", "leave", 2.0)]
    assert counter.counts == {"box": ZoneCounts(entered=1, inside=0)}
    assert told(events(counter, (50, 50), AWAY, first=9)) == [
        ("box", "enter", 9, 0.0),
        ("box", "leave", 9, 0.0),
    ]
    assert counter.counts == {"box": ZoneCounts(entered=2, inside=0)}


def test_the_frame_that_shows_an_entry_may_be_the_last_of_the_stay() -> None:
    way = (50, 10), (50, 21), (50, 30), (50, 10)
    assert told(events(ZoneCounter({"box": SQUARE}), *way)) == [
        ("box", "enter", 2, 0.0),
        ("box", "leave", 3, 1.0),
    ]


def test_a_box_that_trembles_on_the_border_neither_enters_nor_leaves() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert events(counter, (50, 10), (50, 21), (50, 19), (50, 22), (50, 18.5)) == []
    assert told(events(counter, (50, 21), (50, 22.1), first=6)) == [("box", "enter", 6, 0.0)]
    assert events(counter, (50, 19), (50, 18.1), (50, 20.5), (50, 19), first=8) == []
    assert told(events(counter, (50, 17.9), first=12)) == [("box", "leave", 10, 4.0)]


def test_one_that_never_entered_is_neither_inside_nor_lost() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert events(counter, (50, 10), (50, 21)) == []  # on the border, by less than it may tremble
    assert counter.counts == {"box": ZoneCounts(entered=0, inside=0)}
    assert counter.update(make_tracks(at(9)), 9, "9.0") == []


def test_one_that_is_first_seen_inside_has_entered_there() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert told(events(counter, (50, 20.5))) == [("box", "enter", 1, 0.0)]
    assert told(events(counter, (50, 19), (50, 17), first=2)) == [("box", "leave", 1, 0.0)]


def test_zones_overlap_and_need_not_be_convex() -> None:
    counter = ZoneCounter({"arch": RING, "box": SQUARE})
    assert told(events(counter, (10, 10), (45, 25), (45, 50), (70, 50), (200, 50))) == [
        ("arch", "enter", 1, 0.0),
        ("box", "enter", 2, 0.0),
        ("arch", "leave", 2, 1.0),
        ("arch", "enter", 4, 0.0),
        ("arch", "leave", 4, 0.0),
        ("box", "leave", 4, 2.0),
    ]


@pytest.mark.parametrize("x", [30, 45, 60])
def test_where_an_edge_would_go_on_is_no_border(x: int) -> None:
    way = (x, -20), (x, 15), (x, -20)
    assert told(events(ZoneCounter({"arch": RING}), *way)) == [
        ("arch", "enter", 2, 0.0),
        ("arch", "leave", 2, 0.0),
    ]


def test_one_is_lost_however_long_an_earlier_one_stays() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), identity=1)
    events(counter, (51, 50), identity=2, first=2)
    happened = events(counter, *[(50, 50)] * 6, identity=1, first=3)
    assert happened == [ZoneEvent(2, "2.0", 2, 0, "box", "lost", 0.0)]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_one_that_is_not_seen_for_five_seconds_was_lost() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), (51, 50))
    assert counter.counts == {"box": ZoneCounts(1, 1)}
    assert events(counter, AWAY, AWAY, AWAY, AWAY, AWAY, identity=2, first=3) == []
    assert counter.counts == {"box": ZoneCounts(1, 0)}
    [lost] = events(counter, AWAY, identity=2, first=8)
    assert lost == ZoneEvent(2, "2.0", 1, 0, "box", "lost", 1.0)
    assert told(events(counter, (50, 50), first=9)) == [("box", "enter", 9, 0.0)]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_one_that_comes_back_after_that_enters_again() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    assert told(events(counter, (50, 50), first=7)) == [
        ("box", "lost", 1, 0.0),
        ("box", "enter", 7, 0.0),
    ]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_the_border_is_inside() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert told(events(counter, (50, 20))) == [("box", "enter", 1, 0.0)]


def test_a_gap_shorter_than_that_does_not_interrupt_a_stay() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    assert events(counter, AWAY, identity=2, first=5) == []
    assert told(events(counter, (52, 50), AWAY, first=6)) == [("box", "leave", 6, 5.0)]


def test_empty_frames_let_time_pass() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    assert counter.update(make_tracks(at(6)), 6, "6.0") == []
    assert told(counter.update(make_tracks(at(6.1)), 7, "6.1")) == [("box", "lost", 1, 0.0)]


def test_all_are_lost_with_their_connection() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), (50, 50))
    assert told(counter.update(make_tracks(at(0, epoch=1)), 3, "3.0")) == [("box", "lost", 2, 1.0)]


def test_those_inside_are_those_that_the_latest_frame_shows() -> None:
    counter = ZoneCounter({"arch": RING, "box": SQUARE})
    boxes = [box(50, 50), box(10, 10), box(45, 25), [np.nan] * 4]
    for shown, arch, square in ((4, 2, 2), (1, 0, 1), (0, 0, 0), (2, 1, 1)):
        counter.update(make_tracks(at(1), boxes[:shown], range(1, shown + 1)), 1, "1.0")
        inside = {name: counts.inside for name, counts in counter.counts.items()}
        assert inside == {"arch": arch, "box": square}


def test_the_class_is_that_of_most_boxes() -> None:
    counter = ZoneCounter({"box": SQUARE})
    for number, index in enumerate((1, 2, 1), 1):
        tracks = make_tracks(make_header(0), [box(50, 50)], [1])
        tracks = dataclasses.replace(tracks, classes=np.array([index], np.int16))
        counter.update(tracks, number, "")
    [lost] = counter.update(make_tracks(at(9)), 4, "")
    assert lost.class_index == 1


def test_memory_is_bounded_by_the_latest_tracks() -> None:
    counter = ZoneCounter({"box": SQUARE})
    for identity in range(1, 1100):
        tracks = make_tracks(make_header(0), [box(50, 50)], [identity])
        counter.update(tracks, identity, "")  # whose clock stands still
    assert list(counter.state.tracks) == list(range(75, 1100))
    assert counter.counts == {"box": ZoneCounts(1099, 1)}


def test_a_second_counter_goes_on_from_the_state_of_the_first() -> None:
    zones = {"arch": RING, "box": SQUARE}
    first = ZoneCounter(zones)
    events(first, (45, 50))
    saved = msgspec.msgpack.encode(first.state)
    events(first, AWAY, first=2)  # after the state was saved
    second = ZoneCounter(zones, msgspec.msgpack.decode(saved, type=ZoneCounterState))
    assert second.counts == {"arch": ZoneCounts(), "box": ZoneCounts(1, 1)}
    assert told(events(second, (70, 50), AWAY, first=2)) == [
        ("arch", "enter", 2, 0.0),
        ("arch", "leave", 2, 0.0),
        ("box", "leave", 2, 1.0),
    ]


def test_without_zones_nothing_is_remembered() -> None:
    counter = ZoneCounter({})
    assert events(counter, (50, 50)) == []
    assert counter.state == ZoneCounterState({})


@pytest.mark.parametrize(
    "zone",
    [
        [[0, 0], [9, 9]],
        [[0, 0], [9, 9], [18, 18]],
        [[0, 0, 9], [9, 9, 9], [0, 9, 9]],
        [0, 0, 9, 0, 9, 9],
        [[0, 0], [9, 0], [9, np.nan]],
        [[0, 0], [9, 0], [9]],
        "zone",
        [],
    ],
)
def test_what_encloses_no_area_is_refused(zone: Any) -> None:
    with pytest.raises(ValueError, match=r"zone 'out': a zone is .*enclose an area, got"):
        ZoneCounter({"box": SQUARE, "out": zone})


@pytest.mark.parametrize(
    "zone",
    [
        [[0, 0], [9, 9], [9, 0], [0, 9]],  # a bow tie
        [[0, 0], [9, 9], [9, 0], [0, 7]],
        [[0, 0], [9, 0], [9, 9], [4, -3], [0, 9]],
    ],
)
def test_edges_that_cross_are_refused(zone: Any) -> None:
    with pytest.raises(ValueError, match=r"zone 'out': the edges of a zone do not cross.*, got"):
        ZoneCounter({"out": zone})


@pytest.mark.parametrize(
    "zone",
    [((0, 0), (9, 0), (0, 9)), ((0, 0), (10, 0), (10, 10), (5, 0), (0, 10))],
    ids=["three corners", "a corner on an edge"],
)
def test_what_encloses_an_area_is_a_zone(zone: Zone) -> None:
    assert ZoneCounter({"box": zone}).counts == {"box": ZoneCounts(entered=0, inside=0)}


def test_edges_may_touch() -> None:
    two_squares = [[0, 0], [10, 0], [10, 10], [20, 10], [20, 20], [10, 20], [10, 10], [0, 10]]
    twice = [[0, 0], [10, 0], [10, 0], [10, 10]]
    for zone in (two_squares, twice):
        ZoneCounter({"box": zone})  # type: ignore[dict-item]


def test_rows_say_when_who_did_what_and_for_how_long() -> None:
    happened = [
        ZoneEvent(4, "0.120", 12, 1, "bus stop", "enter", 0.0),
        ZoneEvent(80, "3.160", 12, 1, "bus stop", "leave", 3.04),
    ]
    assert zone_rows(happened, ["car", "bus"]) == (
        "4,0.120,12,bus,bus stop,enter,0.000\n80,3.160,12,bus,bus stop,leave,3.040\n"
    )
    assert zone_rows(happened[:1], []) == "4,0.120,12,,bus stop,enter,0.000\n"


@pytest.mark.parametrize(
    ("low", "high", "fault"),
    [
        ((10, 10), (15, 15), ""),
        ((10, 10), (14, 15), "zone 'box' has 20.0 pixels; its corners are in pixels of the frame"),
        ((200, 0), (300, 90), ""),
        (
            (201, 0),
            (300, 90),
            "zone 'box' lies outside the frame of 200x100: nothing will enter it",
        ),
        ((150, 101), (300, 200), "outside"),
        ((-90, 50), (0, 60), ""),
        ((-90, 50), (-1, 60), "outside"),
        ((50, -90), (60, 0), ""),
        ((50, -90), (60, -1), "outside"),
    ],
)
def test_a_zone_that_nothing_can_enter_is_a_fault(
    low: tuple[float, float], high: tuple[float, float], fault: str
) -> None:
    zone = (low, (high[0], low[1]), high, (low[0], high[1]))
    found = list(zone_faults({"box": zone}, height=100, width=200))
    assert len(found) == bool(fault)
    assert fault in "".join(found)
