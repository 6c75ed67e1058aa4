from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from stages.measurements import ZoneCounts, ZoneEvent
from stages.sink.zones import Zone, ZoneCounter, ZoneCounterState, zone_faults, zone_rows
from tests.stages.sink.conftest import make_header, make_tracks
from tests.stages.sink.visits import ARCH, AWAY, SQUARE, at, box, events, summaries


def test_events_have_the_first_and_the_last_frame_inside() -> None:
    counter = ZoneCounter({"box": SQUARE})
    path = (10, 50), (18, 50), (30, 50), (50, 50), (79, 50), (90, 50), (99, 50)
    assert events(counter, *path[:3]) == [ZoneEvent(3, "3.0", 1, 0, "box", "enter", 0.0)]
    assert counter.counts == {"box": ZoneCounts(entered=1, inside=1)}
    assert events(counter, *path[3:], first=4) == [ZoneEvent(5, "5.0", 1, 0, "box", "leave", 2.0)]
    assert counter.counts == {"box": ZoneCounts(entered=1, inside=0)}
    assert summaries(events(counter, (50, 50), AWAY, first=9)) == [
        ("box", "enter", 9, 0.0),
        ("box", "leave", 9, 0.0),
    ]
    assert counter.counts == {"box": ZoneCounts(entered=2, inside=0)}


def test_frame_that_confirms_an_entry_may_be_the_last_inside() -> None:
    path = (50, 10), (50, 21), (50, 30), (50, 10)
    assert summaries(events(ZoneCounter({"box": SQUARE}), *path)) == [
        ("box", "enter", 2, 0.0),
        ("box", "leave", 3, 1.0),
    ]


def test_jitter_on_the_border_is_neither_entry_nor_exit() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert events(counter, (50, 10), (50, 21), (50, 19), (50, 22), (50, 18.5)) == []
    assert summaries(events(counter, (50, 21), (50, 22.1), first=6)) == [("box", "enter", 6, 0.0)]
    assert events(counter, (50, 19), (50, 18.1), (50, 20.5), (50, 19), first=8) == []
    assert summaries(events(counter, (50, 17.9), first=12)) == [("box", "leave", 10, 4.0)]


def test_vehicle_that_never_entered_is_neither_inside_nor_lost() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert events(counter, (50, 10), (50, 21)) == []  # on the border, within the jitter tolerance
    assert counter.counts == {"box": ZoneCounts(entered=0, inside=0)}
    assert counter.update(make_tracks(at(9)), 9, "9.0") == []


def test_vehicle_first_seen_inside_has_entered() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert summaries(events(counter, (50, 20.5))) == [("box", "enter", 1, 0.0)]
    assert summaries(events(counter, (50, 19), (50, 17), first=2)) == [("box", "leave", 1, 0.0)]


def test_zones_may_overlap_and_be_concave() -> None:
    counter = ZoneCounter({"arch": ARCH, "box": SQUARE})
    assert summaries(events(counter, (10, 10), (45, 25), (45, 50), (70, 50), (200, 50))) == [
        ("arch", "enter", 1, 0.0),
        ("box", "enter", 2, 0.0),
        ("arch", "leave", 2, 1.0),
        ("arch", "enter", 4, 0.0),
        ("arch", "leave", 4, 0.0),
        ("box", "leave", 4, 2.0),
    ]


@pytest.mark.parametrize("x", [30, 45, 60])
def test_extension_of_an_edge_is_not_a_border(x: int) -> None:
    path = (x, -20), (x, 15), (x, -20)
    assert summaries(events(ZoneCounter({"arch": ARCH}), *path)) == [
        ("arch", "enter", 2, 0.0),
        ("arch", "leave", 2, 0.0),
    ]


def test_vehicle_is_lost_even_while_an_earlier_one_stays() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), identity=1)
    events(counter, (51, 50), identity=2, first=2)
    happened = events(counter, *[(50, 50)] * 6, identity=1, first=3)
    assert happened == [ZoneEvent(2, "2.0", 2, 0, "box", "lost", 0.0)]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_vehicle_unseen_for_over_five_seconds_is_lost() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), (51, 50))
    assert counter.counts == {"box": ZoneCounts(1, 1)}
    assert events(counter, AWAY, AWAY, AWAY, AWAY, AWAY, identity=2, first=3) == []
    assert counter.counts == {"box": ZoneCounts(1, 0)}
    [lost] = events(counter, AWAY, identity=2, first=8)
    assert lost == ZoneEvent(2, "2.0", 1, 0, "box", "lost", 1.0)
    assert summaries(events(counter, (50, 50), first=9)) == [("box", "enter", 9, 0.0)]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_vehicle_that_reappears_later_enters_again() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    events(counter, AWAY, identity=2, first=2)
    assert summaries(events(counter, (50, 50), first=7)) == [
        ("box", "lost", 1, 0.0),
        ("box", "enter", 7, 0.0),
    ]
    assert counter.counts == {"box": ZoneCounts(2, 1)}


def test_vehicle_in_every_frame_is_not_lost_however_far_apart_they_are() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), first=10)
    for number in (20, 30):
        saved = msgspec.msgpack.encode(counter.state)
        counter = ZoneCounter({"box": SQUARE}, msgspec.msgpack.decode(saved, type=ZoneCounterState))
        assert events(counter, (50, 50), first=number) == []
    assert counter.counts == {"box": ZoneCounts(entered=1, inside=1)}
    assert events(counter, AWAY, identity=2, first=40) == []
    assert summaries(events(counter, AWAY, identity=2, first=50)) == [("box", "lost", 30, 20.0)]


def test_border_counts_as_inside() -> None:
    counter = ZoneCounter({"box": SQUARE})
    assert summaries(events(counter, (50, 20))) == [("box", "enter", 1, 0.0)]


def test_gap_of_up_to_five_seconds_does_not_end_a_stay() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    assert events(counter, AWAY, identity=2, first=5) == []
    assert summaries(events(counter, (52, 50), AWAY, first=6)) == [("box", "leave", 6, 5.0)]


def test_empty_frames_advance_the_time() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50))
    assert counter.update(make_tracks(at(6)), 6, "6.0") == []
    assert summaries(counter.update(make_tracks(at(6.1)), 7, "6.1")) == [("box", "lost", 1, 0.0)]


def test_new_epoch_makes_all_vehicles_lost() -> None:
    counter = ZoneCounter({"box": SQUARE})
    events(counter, (50, 50), (50, 50))
    assert summaries(counter.update(make_tracks(at(0, epoch=1)), 3, "3.0")) == [
        ("box", "lost", 2, 1.0)
    ]


def test_inside_counts_only_vehicles_in_the_latest_frame() -> None:
    counter = ZoneCounter({"arch": ARCH, "box": SQUARE})
    boxes = [box(50, 50), box(10, 10), box(45, 25), [np.nan] * 4]
    for shown, arch, square in ((4, 2, 2), (1, 0, 1), (0, 0, 0), (2, 1, 1)):
        counter.update(make_tracks(at(1), boxes[:shown], range(1, shown + 1)), 1, "1.0")
        inside = {name: counts.inside for name, counts in counter.counts.items()}
        assert inside == {"arch": arch, "box": square}


def test_event_has_the_most_frequent_class() -> None:
    counter = ZoneCounter({"box": SQUARE})
    for number, index in enumerate((1, 2, 1), 1):
        tracks = make_tracks(make_header(0), [box(50, 50)], [1])
        tracks = dataclasses.replace(tracks, classes=np.array([index], np.int16))
        counter.update(tracks, number, "")
    counter.update(make_tracks(at(1)), 4, "")
    [lost] = counter.update(make_tracks(at(9)), 5, "")
    assert lost.class_index == 1


def test_only_the_latest_tracks_are_remembered() -> None:
    counter = ZoneCounter({"box": SQUARE})
    for identity in range(1, 1100):
        tracks = make_tracks(make_header(0), [box(50, 50)], [identity])
        counter.update(tracks, identity, "")  # all at the same time
    assert list(counter.state.tracks) == list(range(75, 1100))
    assert counter.counts == {"box": ZoneCounts(1099, 1)}


def test_only_the_latest_tracks_are_remembered_if_none_has_a_position() -> None:
    counter = ZoneCounter({"box": SQUARE})
    identities = range(1, 1100)
    counter.update(make_tracks(at(1), [box(50, 50)] * 1099, identities), 1, "1.0")
    lost = counter.update(make_tracks(at(2), [[np.nan] * 4] * 1099, identities), 2, "2.0")
    assert [each.kind for each in lost] == ["lost"] * 75
    assert len(counter.state.tracks) == 1024
    assert counter.counts == {"box": ZoneCounts(1099, 1024)}


def test_counter_resumes_from_a_saved_state() -> None:
    zones = {"arch": ARCH, "box": SQUARE}
    first = ZoneCounter(zones)
    events(first, (45, 50))
    saved = msgspec.msgpack.encode(first.state)
    events(first, AWAY, first=2)  # after the state was saved
    second = ZoneCounter(zones, msgspec.msgpack.decode(saved, type=ZoneCounterState))
    assert second.counts == {"arch": ZoneCounts(), "box": ZoneCounts(1, 1)}
    assert summaries(events(second, (70, 50), AWAY, first=2)) == [
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
def test_zone_without_area_is_rejected(zone: Any) -> None:
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
def test_crossing_edges_are_rejected(zone: Any) -> None:
    with pytest.raises(ValueError, match=r"zone 'out': the edges of a zone do not cross.*, got"):
        ZoneCounter({"out": zone})


@pytest.mark.parametrize(
    "zone",
    [((0, 0), (9, 0), (0, 9)), ((0, 0), (10, 0), (10, 10), (5, 0), (0, 10))],
    ids=["three corners", "a corner on an edge"],
)
def test_zone_with_area_is_accepted(zone: Zone) -> None:
    assert ZoneCounter({"box": zone}).counts == {"box": ZoneCounts(entered=0, inside=0)}


def test_edges_may_touch() -> None:
    two_squares = [[0, 0], [10, 0], [10, 10], [20, 10], [20, 20], [10, 20], [10, 10], [0, 10]]
    twice = [[0, 0], [10, 0], [10, 0], [10, 10]]
    for zone in (two_squares, twice):
        ZoneCounter({"box": zone})  # type: ignore[dict-item]


def test_zone_rows_have_time_track_class_zone_event_and_duration() -> None:
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
def test_zones_too_small_or_outside_the_frame_are_reported(
    low: tuple[float, float], high: tuple[float, float], fault: str
) -> None:
    zone = (low, (high[0], low[1]), high, (low[0], high[1]))
    found = list(zone_faults({"box": zone}, height=100, width=200))
    assert len(found) == bool(fault)
    assert fault in "".join(found)
