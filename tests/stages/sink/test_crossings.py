from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest

from stages.measurements import Counts, Crossing
from stages.sink.crossings import Line, LineCounter, LineCounterState, crossing_rows, line_faults
from tests.stages.sink.conftest import make_header, make_tracks
from tests.stages.sink.visits import box

EASTWARDS = (10.0, 50.0, 90.0, 50.0)
NORTHWARDS = (50.0, 90.0, 50.0, 10.0)


def crossings(
    counter: LineCounter, *positions: Iterable[float] | None, identity: int = 1
) -> list[Crossing]:
    """Returns the crossings of a vehicle at ``positions``, one per frame from frame 1 on.

    It is not in frames whose position is None.
    """
    found = []
    for number, position in enumerate(positions, 1):
        vehicle = ([box(*position)], [identity]) if position else ()
        tracks = make_tracks(make_header(0), *vehicle)
        found += counter.update(tracks, number, f"{number / 25:.2f}")
    return found


def move(counter: LineCounter, *positions: Iterable[float] | None, identity: int = 1) -> list[str]:
    crossed = crossings(counter, *positions, identity=identity)
    return [f"{each.line} {each.direction}" for each in crossed]


def test_crossing_has_the_most_frequent_class() -> None:
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
def test_directions_are_as_seen_from_start_to_end_of_the_line(
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


def test_only_crossings_between_the_line_ends_count() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (5, 40), (5, 60)) == []
    assert move(counter, (50, 60), (50, 40)) == ["gate left"]
    assert move(counter, (95, 40), (95, 60), (50, 60)) == []


def test_jitter_on_the_line_does_not_count() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 40), (50, 51), (50, 49), (50, 52), (50, 48.1)) == []
    assert move(counter, (50, 52.1), (50, 49), (50, 51)) == ["gate right"]
    assert move(counter, (50, 47.9)) == ["gate left"]


def test_jitter_tolerance_depends_on_the_box_area() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for bottom in (40, 51.9, 52.1):  # 40x10, which has the area of 20x20
        box = [30, bottom - 10, 70, bottom]
        crossed = counter.update(make_tracks(make_header(0), [box], [1]), 1, "")
        assert len(crossed) == (bottom == 52.1)


def test_frames_with_a_nan_box_are_ignored() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    nan_position = (np.nan, np.nan)
    assert move(counter, (50, 60), nan_position, (50, 70), nan_position, (50, 40)) == ["gate left"]


def test_crossing_time_is_the_first_frame_on_the_other_side() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    positions = [(50, 40), (50, 49), (50, 50.5), (50, 51), (50, 51.5), (50, 60)]
    assert crossings(counter, *positions) == [Crossing(3, "0.12", 1, 0, "gate", "right")]
    # With jitter on the line, the last change of side counts.
    positions = [(50, 49.5), (50, 51), (50, 49), (50, 40)]
    assert [each.number for each in crossings(counter, *positions)] == [3]


def test_path_along_a_line_counts_where_it_changes_sides() -> None:
    counter = LineCounter({"mouth": (10, 50, 40, 50), "next": (40, 50, 90, 50)})
    # From x=90 beside the extension of the line, then across the line between its ends.
    assert move(counter, (90, 30), (80, 48.5), (30, 49), (25, 51), (25, 60)) == ["mouth right"]
    # Across "next", then along both lines: "mouth" is not crossed.
    path = (70, 30), (70, 49), (70, 51), (20, 51), (20, 60)
    assert move(counter, *path, identity=2) == ["next right"]


def test_track_starting_on_a_line_belongs_to_its_first_side() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 49), (50, 60)) == ["gate right"]
    assert move(counter, (50, 51), (50, 49.5), (50, 60), identity=2) == []


def test_passing_the_shared_end_of_two_lines_crosses_one_of_them() -> None:
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
def test_line_without_two_different_ends_is_rejected(line: Line) -> None:
    with pytest.raises(ValueError, match=r"line 'out': a line is .* with two different ends, got"):
        LineCounter({"gate": EASTWARDS, "out": line})


def test_tracks_are_counted_independently() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    for y in (40, 60):
        boxes = [box(50, y), box(50, 100 - y), [np.nan] * 4]
        crossed = counter.update(make_tracks(make_header(0), boxes, [7, 3, 5]), 1, "")
    assert [(each.identity, each.direction) for each in crossed] == [(7, "right"), (3, "left")]
    assert counter.update(make_tracks(make_header(2)), 2, "") == []


def test_only_the_latest_1024_tracks_are_remembered() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    move(counter, (50, 40), identity=9999)
    for first in range(1, 1100, 100):
        identities = [*range(first, first + 100), 9999]  # 9999 is in every frame, on the line
        boxes = [box(50, 40 if identity < 9999 else 51) for identity in identities]
        counter.update(make_tracks(make_header(0), boxes, identities), 1, "")
    assert len(counter.state.tracks) == 1024
    assert move(counter, (50, 60), identity=1) == []
    assert move(counter, (50, 60), identity=9999) == ["gate right"]
    assert move(counter, (50, 60), identity=1000) == ["gate right"]


def test_a_track_is_forgotten_after_1000_frames_without_it() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    assert move(counter, (50, 40), *[None] * 999, (50, 60)) == ["gate right"]
    assert move(counter, *[None] * 999) == []
    assert list(counter.state.tracks) == [1]
    assert move(counter, None) == []
    assert counter.state.tracks == {}


def test_a_track_without_a_position_is_not_forgotten() -> None:
    counter = LineCounter({"gate": EASTWARDS})
    nowhere = (np.nan, np.nan)
    assert move(counter, (50, 40), *[nowhere] * 1500, (50, 60)) == ["gate right"]
    move(counter, (50, 40), identity=2)
    move(counter, nowhere)
    assert list(counter.state.tracks) == [2, 1]  # the first to be forgotten, and the last


def test_counter_resumes_from_a_saved_state() -> None:
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


def test_crossing_rows_have_time_track_class_line_and_direction() -> None:
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
def test_lines_too_short_or_outside_the_frame_are_reported(line: Line, fault: str) -> None:
    for ends in (line, (*line[2:], *line[:2])):
        found = list(line_faults({"gate": ends}, height=100, width=200))
        assert len(found) == bool(fault)
        assert fault in "".join(found)
