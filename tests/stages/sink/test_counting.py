from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from stages.measurements import (
    Counts,
    Crossing,
    Crossings,
    GroundPlaces,
    Measured,
    ZoneCounts,
    ZoneEvent,
    ZoneEvents,
)
from stages.records import View
from stages.sink.counting import Counting
from stages.sink.ground import Ground
from stages.sink.options import SinkOptions
from tests.stages.sink.conftest import make_header, make_tracks

OPTIONS = SinkOptions(
    lines={"gate": (25, 0, 25, 90)}, zones={"box": ((30, 0), (99, 0), (99, 99), (30, 99))}
)


def test_update_returns_line_crossings_and_zone_events() -> None:
    counting = Counting(OPTIONS)
    measured = []
    for number, left in ((1, 0), (2, 40), (3, 200)):
        tracks = make_tracks(make_header(number - 1), [[left, 20, left + 20, 50]], [3])
        measured.append(counting.update(tracks, number, f"{number} s"))
    assert measured[0] == [ZoneEvents("cam", 1, "1 s", (), {"box": ZoneCounts()})]
    assert measured[1] == [
        Crossings("cam", (Crossing(2, "2 s", 3, 0, "gate", "left"),), {"gate": Counts(1, 0)}),
        ZoneEvents(
            *("cam", 2, "2 s"),
            (ZoneEvent(2, "2 s", 3, 0, "box", "enter", 0.0),),
            {"box": ZoneCounts(1, 1)},
        ),
    ]
    assert measured[2] == [
        ZoneEvents(
            *("cam", 3, "3 s"),
            (ZoneEvent(2, "2 s", 3, 0, "box", "leave", 0.0),),
            {"box": ZoneCounts(1, 0)},
        )
    ]


def test_counts_in_zones_are_returned_when_they_change_and_every_ten_seconds() -> None:
    counting, found = Counting(OPTIONS), {}
    boxes = [[40, 20, 60, 50], [40, 10, 60, 40]]
    for index in range(8):  # 2 s apart; one of two vehicles is not detected in the second frame
        shown = boxes[: 1 if index == 1 else 2]
        tracks = make_tracks(make_header(50 * index), shown, [3, 4][: len(shown)])
        counting = Counting(OPTIONS, copy.deepcopy(counting.state))
        for each in counting.update(tracks, index + 1, ""):
            assert isinstance(each, ZoneEvents)
            found[each.number] = len(each.events), each.counts["box"].inside
    assert found == {1: (2, 2), 2: (0, 1), 3: (0, 2), 6: (0, 2)}


def test_ground_positions_are_returned_last() -> None:
    ground = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, 9), (0, 90, 0, 9))
    counting = Counting(replace(OPTIONS, ground=Ground(ground)))
    assert not any(
        isinstance(each, GroundPlaces)
        for each in counting.update(make_tracks(make_header(0)), 1, "0 s")
    )
    boxes = [[40, 20, 60, 50], [60, 20, 80, 40]]
    *events, found = counting.update(make_tracks(make_header(1), boxes, [3, 2]), 2, "0.040")
    assert [type(each) for each in events] == [ZoneEvents]
    assert isinstance(found, GroundPlaces)
    assert (found.stream, found.number, found.time) == ("cam", 2, "0.040")
    assert [(each.identity, round(each.x, 6)) for each in found.places] == [(2, 7), (3, 5)]


def test_counting_from_a_copied_state_gives_the_same_results() -> None:
    ground = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, 9), (0, 90, 0, 9))
    options = replace(OPTIONS, ground=Ground(ground))

    def measured(counting: Counting, lefts: dict[int, int]) -> list[list[Measured]]:
        return [
            counting.update(
                make_tracks(make_header(index), [[left, 20, left + 20, 50]], [3]), index + 1, "0 s"
            )
            for index, left in lefts.items()
        ]

    first = Counting(options)
    measured(first, {0: 4, 10: 4})
    counting = Counting(options, copy.deepcopy(first.state))
    after = {11: 40, 20: 44}  # on their own too short for a speed
    assert measured(counting, after) == measured(first, after)
    assert counting.readings == first.readings
    assert (counting.crossings.counts["gate"], len(counting.ground.speeds)) == (Counts(1, 0), 1)


def test_lines_and_zones_outside_the_frame_are_reported() -> None:
    assert list(Counting(OPTIONS).faults(90, 20)) == [
        "line 'gate' lies outside the frame of 20x90: nothing will cross it",
        "zone 'box' lies outside the frame of 20x90: nothing will enter it",
    ]


def test_the_last_known_view_is_drawn_for_a_second_and_measures_nothing() -> None:
    """Frames are 40 ms apart; the frame lies 100 pixels to the right of the picture's left edge."""
    ground = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 90, 10, 9), (0, 90, 0, 9))
    options = SinkOptions(ground=Ground(ground))
    counting = Counting(options)

    def xs(index: int, view: tuple[float, ...]) -> list[float]:
        frame = replace(make_header(index), view=view)
        measured = counting.update(make_tracks(frame, [[40, 20, 60, 50]], [3]), index + 1, "0 s")
        return [round(each.x, 6) for found in measured for each in found.places]  # type: ignore[union-attr]

    shifted = (2.0, 0.0, 100.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0)
    assert xs(0, ()) == []
    assert xs(1, shifted) == [20]
    counting = Counting(options, copy.deepcopy(counting.state))
    assert xs(26, ()) == []
    assert counting.readings.view == shifted
    assert xs(27, ()) == []
    assert counting.readings.view == ()
    assert xs(28, shifted) == [20]


def test_an_edge_that_moves_over_standing_vehicles_makes_none_of_them_cross() -> None:
    """The camera drifts upwards, until the bottom of the frame has passed the vehicle."""
    ends = (0, 75, 100, 75)
    options = SinkOptions(
        lines={"low": ends, "middle": (0, 65, 100, 65)},
        zones={"box": ((0, 55), (100, 55), (100, 76), (0, 76))},
    )
    counting, fixed = Counting(options), Counting(options)
    for index in range(60):
        bottom = min(80, 100 - index)  # of the vehicle's box, which ends at 80 in the picture
        header = replace(make_header(index), height=100 - index, width=100)
        for each, view in ((counting, (1.0, 0, 0, 0, 1, 0, 0, 0, 1)), (fixed, None)):
            tracks = make_tracks(replace(header, view=view), [[40, 40, 60, bottom]], [3])
            each.update(tracks, index + 1, "0 s")
    assert {*counting.crossings.counts.values()} == {Counts()}
    assert counting.zones.counts["box"].entered == 0
    assert fixed.crossings.counts["low"] != Counts()


def test_the_anchor_is_the_position_at_lines_in_zones_and_on_the_ground() -> None:
    """A box of 40 pixels, whose bottom passes 55 while its center does not."""
    square = ((0, 0, 0, 0), (100, 0, 10, 0), (100, 100, 10, 10), (0, 100, 0, 10))
    options = SinkOptions(
        lines={"gate": (0, 55, 100, 55)},
        zones={"box": ((0, 55), (100, 55), (100, 90), (0, 90))},
        ground=Ground(square),
    )
    found = {}
    for anchor in ("bottom_center", "center"):
        counting = Counting(replace(options, anchor=anchor))
        for index, top in enumerate((6, 26)):
            tracks = make_tracks(make_header(index), [[40, top, 60, top + 40]], [3])
            counting.update(tracks, index + 1, "0 s")
        [place] = counting.ground.places
        crossed, inside = counting.crossings.counts["gate"], counting.zones.counts["box"].inside
        found[anchor] = sum(crossed), inside, round(place.y, 6)
    assert found == {"bottom_center": (1, 1, 6.6), "center": (0, 0, 4.6)}


@pytest.mark.parametrize("hides", ["edge", "no view"])
def test_a_vehicle_without_a_position_stays_in_its_zone(hides: str) -> None:
    """It stands for 20 seconds; twice, for seven seconds each, its position is unknown."""
    box = ((30, 30), (70, 30), (70, 70), (30, 70))
    options = SinkOptions(zones={"box": box}, zone_stay_seconds={"box": 12})
    counting, kinds, inside = Counting(options), list[str](), set[int]()
    here: View = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    for index in range(500):
        is_hidden = 50 <= index < 225 or 270 <= index < 445
        header = replace(make_header(index), width=100, view=here)
        if is_hidden and hides == "edge":
            header = replace(header, width=62)
        elif is_hidden:
            header = replace(header, view=())
        tracks = make_tracks(header, [[40, 40, 60, 60]], [3])
        for found in counting.update(tracks, index + 1, "0 s"):
            assert isinstance(found, ZoneEvents)
            kinds += [event.kind for event in found.events]
        inside.add(counting.zones.counts["box"].inside)
    assert (kinds, inside) == (["enter", "stay"], {1})


def test_a_vehicle_that_the_edge_cuts_stays_until_its_track_ends() -> None:
    """After a second, the edge cuts it for 12 seconds; ten are the limit."""
    zone = ((0, 30), (70, 30), (70, 70), (0, 70))
    counting = Counting(SinkOptions(zones={"box": zone}, zone_stay_seconds={"box": 10}))
    here: View = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    happened = []
    for index in range(500):
        left = 40 if index < 25 else 1
        boxes = [[left, 40, left + 20, 60]] if index < 325 else []
        tracks = make_tracks(replace(make_header(index), view=here), boxes, [3] * len(boxes))
        for found in counting.update(tracks, index + 1, "0 s"):
            assert isinstance(found, ZoneEvents)
            happened += [(event.kind, event.number, event.seconds) for event in found.events]
    assert happened == [("enter", 1, 0.0), ("stay", 251, 10.0), ("lost", 325, 12.96)]
