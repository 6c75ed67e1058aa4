"""Vehicles that stay in a zone for long."""

from __future__ import annotations

import msgspec
import pytest

from stages.measurements import ZoneCounts
from stages.sink.zones import ZoneCounter, ZoneCounterState
from tests.stages.sink.conftest import make_tracks
from tests.stages.sink.visits import ARCH, AWAY, SQUARE, at, box, events, summaries


def test_long_stay_is_reported_once_by_the_frame_that_reaches_the_limit() -> None:
    counter = ZoneCounter({"arch": ARCH, "box": SQUARE}, stay_seconds={"arch": 99, "box": 2.5})
    assert summaries(events(counter, *[(50, 50)] * 9)) == [
        ("box", "enter", 1, 0.0),
        ("box", "stay", 4, 3.0),
    ]
    assert counter.counts["box"] == ZoneCounts(entered=1, inside=1)
    # Out of this zone, and into it again: another stay.
    assert summaries(events(counter, AWAY, *[(50, 50)] * 4, first=10)) == [
        ("box", "leave", 9, 8.0),
        ("box", "enter", 11, 0.0),
        ("box", "stay", 14, 3.0),
    ]


def test_stay_of_exactly_the_limit_is_long_although_its_seconds_are_floats() -> None:
    counter = ZoneCounter({"box": SQUARE}, stay_seconds={"box": 0.5})
    happened = [
        event
        for number, second in enumerate((0.2, 0.69, 0.7), 1)  # 0.7 − 0.2 is less than 0.5
        for event in counter.update(
            make_tracks(at(second), [box(50, 50)], [7]), number, f"{second}"
        )
    ]
    assert [(each.kind, each.number, each.time) for each in happened] == [
        ("enter", 1, "0.2"),
        ("stay", 3, "0.7"),
    ]


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ([(50, 19)] * 9, []),  # never inside
        ([(50, 10), *[(50, 21)] * 9], []),  # within the jitter tolerance of the border
        ([(50, 10), *[(50, 21)] * 5, (50, 30)], ["enter", "stay"]),  # enters late
        ([(50, 50), *[(50, 19)] * 9], ["enter"]),  # in the zone only in its first frame
        ([(50, 50), *[(50, 19)] * 5, (50, 50)], ["enter", "stay"]),
        ([(50, 50), (50, 50), AWAY], ["enter", "leave"]),
    ],
)
def test_stay_is_long_only_in_a_frame_inside_after_the_entry(
    path: list[tuple[float, float]], kinds: list[str]
) -> None:
    counter = ZoneCounter({"box": SQUARE}, stay_seconds={"box": 3})
    assert [each.kind for each in events(counter, *path)] == kinds


def test_lost_vehicle_that_reappears_begins_another_stay() -> None:
    counter = ZoneCounter({"box": SQUARE}, stay_seconds={"box": 3})
    assert summaries(events(counter, (50, 50), (50, 50), (50, 50))) == [("box", "enter", 1, 0.0)]
    events(counter, AWAY, identity=2, first=5)
    assert summaries(events(counter, *[(50, 50)] * 4, first=10)) == [
        ("box", "lost", 3, 2.0),
        ("box", "enter", 10, 0.0),
        ("box", "stay", 13, 3.0),
    ]


@pytest.mark.parametrize("saved_after", range(1, 7))
def test_long_stay_is_reported_once_although_the_counter_is_replaced(saved_after: int) -> None:
    counter = ZoneCounter({"box": SQUARE}, stay_seconds={"box": 3})
    happened = events(counter, *[(50, 50)] * saved_after)
    saved = msgspec.msgpack.encode(counter.state)
    state = msgspec.msgpack.decode(saved, type=ZoneCounterState)
    counter = ZoneCounter({"box": SQUARE}, state, stay_seconds={"box": 3})
    happened += events(counter, *[(50, 50)] * (7 - saved_after), first=1 + saved_after)
    assert summaries(happened) == [("box", "enter", 1, 0.0), ("box", "stay", 4, 3.0)]
