"""How many vehicles are in a zone, on average and at most."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from stages.result_files import TIMES, ZONES
from tools.counting.counts import TABLES, StreamCounts
from tools.counting.intervals import Clock


def written(folder: Path, times: Iterable[str], events: Iterable[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / TIMES).write_text("".join(f"{n},{time}\n" for n, time in enumerate(times, 1)))
    (folder / ZONES).write_text("".join(f"{event}\n" for event in events))
    return folder


def counted(*folders: Path, seconds: int = 60) -> StreamCounts:
    counts = StreamCounts()
    for folder in folders:
        counts.add(folder, Clock(seconds))
    return counts


def by_interval(counts: StreamCounts, *columns: str) -> list[tuple[object, ...]]:
    rows = TABLES["zones"].by_interval(counts)
    return [
        tuple(row[each] for each in (*columns, "mean_vehicles", "max_vehicles")) for row in rows
    ]


def test_a_vehicle_counts_in_every_frame_of_its_stay(tmp_path: Path) -> None:
    events = ["101,4.0,7,car,stop,enter,0.0", "4699,187.92,7,car,stop,leave,183.92"]
    counts = counted(written(tmp_path, (f"{n / 25:.3f}" for n in range(6000)), events))
    assert by_interval(counts, "entered") == [
        (1, "0.93", 1),
        (0, "1.00", 1),
        (0, "1.00", 1),
        (0, "0.13", 1),
    ]
    [total] = TABLES["zones"].sums(counts)
    assert (total["mean_vehicles"], total["max_vehicles"]) == ("0.77", 1)


def test_a_vehicle_without_an_end_is_inside_until_the_last_frame(tmp_path: Path) -> None:
    folder = written(tmp_path, "012345678", ["3,2,7,car,stop,enter,0.0"])
    assert by_interval(counted(folder, seconds=3)) == [("0.33", 1), ("1.00", 1), ("1.00", 1)]


@pytest.mark.parametrize("event", ["leave", "lost"])
def test_one_that_leaves_and_one_that_enters_in_the_next_frame_are_not_together(
    tmp_path: Path, event: str
) -> None:
    # The row of a lost vehicle is written later.
    events = ["1,0,7,car,stop,enter,0", "4,3,8,car,stop,enter,0", f"3,2,7,car,stop,{event},2"]
    assert by_interval(counted(written(tmp_path, "0123", events))) == [("1.00", 1)]
    again = [*events, "4,3,7,car,stop,enter,0", "4,3,7,car,stop,lost,0"]
    assert by_interval(counted(written(tmp_path, "01234", again))) == [("1.20", 2)]


def test_time_without_frames_does_not_count(tmp_path: Path) -> None:
    times = [f"2026-05-04T10:00:{second:02}.000+00:00" for second in (0, 1, 2, 3, 50, 51)]
    events = [f"3,{times[2]},7,car,stop,enter,0", f"4,{times[3]},7,car,stop,lost,1"]
    assert by_interval(counted(written(tmp_path, times, events)), "frames") == [(6, "0.33", 1)]


def test_several_runs_in_an_interval_share_its_frames(tmp_path: Path) -> None:
    enter = "2,1,7,car,stop,enter,0"
    first = written(tmp_path / "a", "0123", [enter, "2,1,8,car,stop,enter,0"])
    second = written(tmp_path / "b", "0123", [enter])
    assert by_interval(counted(first, second), "frames") == [(8, "1.12", 2)]


def test_classes_are_those_of_entering_and_add_up_in_total(tmp_path: Path) -> None:
    events = [
        "1,0,7,car,stop,enter,0",
        "2,1,8,bus,stop,enter,0",
        "2,1,9,bus,exit,enter,0",
        "2,1,7,bus,stop,leave,1",
        "4,3,6,car,stop,enter,0",
    ]
    counts = counted(written(tmp_path, "0123", events))
    assert by_interval(counts, "zone", "class") == [
        ("exit", "bus", "0.75", 1),
        ("stop", "bus", "0.75", 1),
        ("stop", "car", "0.75", 1),
    ]
    total = {row["zone"]: row for row in TABLES["zones"].sums(counts)}
    assert (total["stop"]["mean_vehicles"], total["stop"]["max_vehicles"]) == ("1.50", 2)
    assert (total["exit"]["mean_vehicles"], total["exit"]["max_vehicles"]) == ("0.75", 1)
    by_class = TABLES["zones"].sums(counts, by_class=True)
    assert [(row["class"], row["mean_vehicles"], row["max_vehicles"]) for row in by_class[2:]] == [
        ("all", "1.50", 2),
        ("bus", "0.75", 1),
        ("car", "0.75", 1),
    ]


def test_classes_that_are_never_there_together_are_not_added(tmp_path: Path) -> None:
    events = [
        "1,0,7,car,stop,enter,0",
        "1,0,7,car,stop,leave,0",
        "2,1,8,bus,stop,enter,0",
    ]
    [total] = TABLES["zones"].sums(counted(written(tmp_path, "01", events)))
    assert (total["mean_vehicles"], total["max_vehicles"]) == ("1.00", 1)


def test_occupancy_is_unknown_where_times_were_removed(tmp_path: Path) -> None:
    events = ["1,0,7,car,stop,enter,0", "999,999,7,car,stop,leave,0"]
    folder = written(tmp_path, [], events)
    (folder / TIMES).write_text("997,996\n998,997\n999,998\n1000,999\n")
    assert by_interval(counted(folder, seconds=900)) == [("", ""), ("0.75", 1)]


def test_a_long_stay_does_not_end_with_its_event(tmp_path: Path) -> None:
    events = ["1,0,7,car,stop,enter,0", "2,1,7,car,stop,stay,1", "4,3,7,car,stop,leave,3"]
    assert by_interval(counted(written(tmp_path, "0123", events))) == [("1.00", 1)]


def test_a_vehicle_may_be_in_two_zones_at_once(tmp_path: Path) -> None:
    events = [
        "1,0,7,car,exit,enter,0",
        "1,0,7,car,stop,enter,0",
        "2,1,7,car,exit,leave,1",
        "4,3,7,car,stop,leave,3",
    ]
    found = by_interval(counted(written(tmp_path, "0123", events)), "zone")
    assert found == [("exit", "0.50", 1), ("stop", "1.00", 1)]
