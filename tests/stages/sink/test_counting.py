from __future__ import annotations

import pytest

from stages.sink.counting import Counting
from stages.sink.crossings import Counts, Crossing, Crossings
from stages.sink.options import SinkOptions
from stages.sink.zones import ZoneCounts, ZoneEvent, ZoneEvents
from tests.stages.sink.conftest import make_header, make_tracks

OPTIONS = SinkOptions(
    lines={"gate": (25, 0, 25, 90)}, zones={"box": ((30, 0), (99, 0), (99, 99), (30, 99))}
)


@pytest.mark.parametrize(
    ("live", "time"),
    [(False, "0.040"), (True, "1970-01-01T00:00:00.040+00:00")],
)
def test_what_a_frame_shows_at_lines_and_zones(live: bool, time: str) -> None:
    counting = Counting(OPTIONS)
    told = []
    for number, left in ((1, 0), (2, 40), (3, 200)):
        tracks = make_tracks(make_header(number - 1), [[left, 20, left + 20, 50]], [3])
        told.append(counting.update(tracks, number, live=live))
    assert told[0] == []
    assert told[1] == [
        Crossings("cam", (Crossing(2, time, 3, 0, "gate", "left"),), {"gate": Counts(1, 0)}),
        ZoneEvents(
            "cam", (ZoneEvent(2, time, 3, 0, "box", "enter", 0.0),), {"box": ZoneCounts(1, 1)}
        ),
    ]
    assert told[2] == [
        ZoneEvents(
            "cam", (ZoneEvent(2, time, 3, 0, "box", "leave", 0.0),), {"box": ZoneCounts(1, 0)}
        )
    ]


def test_lines_and_zones_out_of_reach_are_told() -> None:
    assert list(Counting(OPTIONS).faults(90, 20)) == [
        "line 'gate' lies outside the frame of 20x90: nothing will cross it",
        "zone 'box' lies outside the frame of 20x90: nothing will enter it",
    ]
