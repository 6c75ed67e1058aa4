"""Counts from a stream's rows, by interval and in total."""

from datetime import datetime
from pathlib import Path

import pytest

from stages.errors import ConfigError
from stages.result_files import CROSSINGS, GROUND, TIMES, VIEWS, ZONES
from tools.counting.counts import TABLES, StreamCounts
from tools.counting.intervals import Clock

WITHOUT_TIME = {"mean_travel_s": "", "p85_travel_s": ""}
WITHOUT_SPEED = {"mean_km_h": "", "p85_km_h": ""}


@pytest.fixture
def counts(tmp_path: Path) -> StreamCounts:
    """Counts of a 40 s video, whose second interval of four has no frames."""
    folder = tmp_path / "east"
    folder.mkdir()
    seconds = [0, 1, 2, 20, 21, 22, 31]
    (folder / TIMES).write_text("".join(f"{n},{time}.0\n" for n, time in enumerate(seconds, 1)))
    (folder / CROSSINGS).write_text(
        "1,0.0,7,car,west,left\n"
        "3,2.0,8,bus,west,left\n"
        "4,20.0,8,bus,east,right\n"  # a later row may have an earlier frame
        "2,1.0,9,car,north,left\n"
        "5,21.0,7,car,middle,left\n"
        "6,22.0,7,bus,east,right\n"
    )
    (folder / GROUND).write_text("1,7,0.0,0.0,10.0\n3,8,0.0,0.0,\n2,7,0.0,0.0,99.0\n")
    (folder / ZONES).write_text(
        "1,0.0,7,car,stop,enter,0.000\n"
        "2,1.0,9,car,stop,enter,0.000\n"
        "3,2.0,9,car,stop,stay,1.000\n"
        "4,20.0,7,car,stop,leave,20.000\n"
        "6,22.0,9,car,stop,lost,21.000\n"
    )
    counts = StreamCounts()
    counts.add(folder, Clock(10))
    return counts


def test_vehicles_are_counted_by_line_direction_and_class(counts: StreamCounts) -> None:
    rows = TABLES["crossings"].by_interval(counts)
    assert rows[0] == {
        "begin": "0:00:00", "utc_offset": "", "frames": 3, "line": "east", "direction": "right",
        "class": "bus", "vehicles": 0, **WITHOUT_SPEED,
    }  # fmt: skip
    counted = {
        (row["begin"], row["line"], row["class"]): row["vehicles"]
        for row in rows
        if row["vehicles"]
    }
    assert counted == {
        ("0:00:00", "west", "car"): 1,
        ("0:00:00", "west", "bus"): 1,
        ("0:00:00", "north", "car"): 1,
        ("0:00:20", "middle", "car"): 1,
        ("0:00:20", "east", "bus"): 2,
    }


def test_only_intervals_without_frames_have_no_rows(
    counts: StreamCounts,
) -> None:
    rows = TABLES["crossings"].by_interval(counts)
    assert [*dict.fromkeys((row["begin"], row["frames"]) for row in rows)] == [
        ("0:00:00", 3),
        ("0:00:20", 3),
        ("0:00:30", 1),
    ]


def test_counts_work_without_the_times_file(tmp_path: Path) -> None:
    (tmp_path / CROSSINGS).write_text("1,0.0,7,car,NA,left\n2,9.0,8,car,01,left\n")
    counts = StreamCounts()
    counts.add(tmp_path, Clock(10))
    rows = TABLES["crossings"].by_interval(counts)
    assert [(row["line"], row["frames"], row["vehicles"]) for row in rows] == [
        ("01", "", 1),
        ("NA", "", 1),
    ]


def test_speeds_are_taken_at_the_crossing_frames(counts: StreamCounts) -> None:
    sums = {row["line"]: row for row in TABLES["crossings"].sums(counts)}
    assert sums["west"] == {
        "line": "west", "direction": "left", "vehicles": 2, "mean_km_h": "10.0", "p85_km_h": "10.0"
    }  # fmt: skip
    assert sums["east"] == {
        "line": "east", "direction": "right", "vehicles": 2, **WITHOUT_SPEED
    }  # fmt: skip


def test_sums_may_be_split_into_classes(counts: StreamCounts) -> None:
    rows = TABLES["crossings"].sums(counts, by_class=True)
    assert [(row["line"], row["class"], row["vehicles"], row["mean_km_h"]) for row in rows] == [
        ("east", "all", 2, ""),
        ("east", "bus", 2, ""),
        ("middle", "all", 1, ""),
        ("middle", "car", 1, ""),
        ("north", "all", 1, ""),
        ("north", "car", 1, ""),
        ("west", "all", 2, "10.0"),
        ("west", "bus", 1, ""),
        ("west", "car", 1, "10.0"),
    ]
    assert [*rows[0]] == ["line", "direction", "class", "vehicles", "mean_km_h", "p85_km_h"]
    zones = TABLES["zones"]  # of cars
    assert zones.sums(counts, by_class=True) == zones.sums(counts)


def test_p85_speed_is_the_85th_percentile(tmp_path: Path) -> None:
    frames = range(1, 102)
    (tmp_path / CROSSINGS).write_text("".join(f"{n},0.0,{n},car,exit,left\n" for n in frames))
    (tmp_path / GROUND).write_text("".join(f"{n},{n},0.0,0.0,{n - 1}.0\n" for n in frames))
    counts = StreamCounts()
    counts.add(tmp_path, Clock(10))
    [row] = TABLES["crossings"].sums(counts)
    assert (row["mean_km_h"], row["p85_km_h"]) == ("50.0", "85.0")


def test_turns_lead_from_the_first_line_of_a_vehicle_to_its_last(counts: StreamCounts) -> None:
    turns = TABLES["turns"].sums(counts)
    assert turns == [
        {"from": "north", "to": "", "vehicles": 1, **WITHOUT_TIME},
        # 22 s for vehicle 7, 18 s for vehicle 8
        {
            "from": "west", "to": "east", "vehicles": 2,
            "mean_travel_s": "20.0", "p85_travel_s": "21.4",
        },
    ]  # fmt: skip
    by_interval = TABLES["turns"].by_interval(counts)
    found = [(row["begin"], row["class"], row["vehicles"]) for row in by_interval if row["to"]]
    assert found == [
        ("0:00:00", "bus", 2),  # the last class of vehicle 7
        ("0:00:20", "bus", 0),
        ("0:00:30", "bus", 0),
    ]


def test_every_vehicle_has_a_turn_where_several_lines_were_crossed(counts: StreamCounts) -> None:
    turns = TABLES["turns"].by_interval(counts)
    assert [(row["from"], row["to"], row["vehicles"]) for row in turns if row["vehicles"]] == [
        ("north", "", 1),
        ("west", "east", 2),
    ]


def test_vehicles_that_crossed_the_only_line_once_have_no_turn(tmp_path: Path) -> None:
    (tmp_path / CROSSINGS).write_text(
        "1,0.0,7,car,gate,left\n2,1.0,8,car,gate,left\n9,2.0,8,car,gate,right\n"
    )
    counts = StreamCounts()
    counts.add(tmp_path, Clock(10))
    [row] = TABLES["turns"].sums(counts)
    assert (row["from"], row["to"], row["vehicles"], row["mean_travel_s"]) == (
        *("gate", "gate", 1, "1.0"),
    )


def test_travel_times_of_a_camera_are_those_of_its_clock(tmp_path: Path) -> None:
    times = {7: ("09:59:58.500", "10:00:03.750"), 8: ("10:00:09.000", "09:59:59.000")}
    found = [(time, vehicle) for vehicle in times for time in times[vehicle]]
    (tmp_path / CROSSINGS).write_text(
        "".join(
            f"{n},2026-05-04T{time}+00:00,{vehicle},car,{'ab'[n % 2]},left\n"
            for n, (time, vehicle) in enumerate(found, 1)
        )
    )
    counts = StreamCounts()
    counts.add(tmp_path, Clock(10))
    rows = TABLES["turns"].by_interval(counts)
    found_times = [(row["vehicles"], row["mean_travel_s"]) for row in rows if row["vehicles"]]
    assert found_times == [(1, "5.2"), (1, "")]  # of the second, the clock was set back


def test_a_malformed_speed_is_reported(tmp_path: Path) -> None:
    (tmp_path / CROSSINGS).write_text("1,0.0,7,car,a,left\n")
    (tmp_path / GROUND).write_text("1,7,0.0,0.0,fast\n")
    with pytest.raises(ConfigError, match=r"ground\.txt:1: not a row of ground\.txt: '1,7,"):
        StreamCounts().add(tmp_path, Clock(10))


def test_a_time_beyond_the_date_range_is_reported(tmp_path: Path) -> None:
    (tmp_path / TIMES).write_text(f"1,{10**20}.0\n")
    with pytest.raises(ConfigError, match=r"times\.txt:1: not a row of times\.txt"):
        StreamCounts().add(tmp_path, Clock(10, start=datetime(2026, 5, 4)))


def test_equal_ids_in_different_runs_are_different_vehicles(tmp_path: Path) -> None:
    counts = StreamCounts()
    for run, line in (("a", "west"), ("b", "east")):
        (tmp_path / run).mkdir()
        (tmp_path / run / CROSSINGS).write_text(f"1,0.0,7,car,{line},left\n")
        counts.add(tmp_path / run, Clock(10))
    assert [row["vehicles"] for row in TABLES["crossings"].sums(counts)] == [1, 1]
    assert TABLES["turns"].sums(counts) == [
        {"from": line, "to": "", "vehicles": 1, **WITHOUT_TIME} for line in ("east", "west")
    ]


def test_the_mean_stay_is_of_vehicles_that_left_the_zone(counts: StreamCounts) -> None:
    stays = {"entered": 2, "left": 1, "lost": 1, "mean_stay_s": "20.0", "long_stays": 1}
    vehicles = {"mean_vehicles": "1.29", "max_vehicles": 2}
    assert TABLES["zones"].sums(counts) == [{"zone": "stop", **stays, **vehicles}]
    rows = TABLES["zones"].by_interval(counts)
    assert [(row["entered"], row["left"], row["lost"], row["long_stays"]) for row in rows] == [
        (2, 0, 0, 1),
        (0, 1, 1, 0),
        (0, 0, 0, 0),
    ]


def test_turns_follow_frame_order_and_row_order_within_a_frame(tmp_path: Path) -> None:
    (tmp_path / CROSSINGS).write_text(
        "5,0.2,7,car,east,left\n2,0.1,7,car,west,left\n2,0.1,7,car,middle,left\n"
    )
    counts = StreamCounts()
    counts.add(tmp_path, Clock(10))
    [row] = TABLES["turns"].sums(counts)
    assert (row["from"], row["to"], row["vehicles"]) == ("west", "east", 1)


def test_frames_that_were_not_found_on_the_picture_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / TIMES).write_text("".join(f"{number},{number}.0\n" for number in range(1, 9)))
    (tmp_path / ZONES).write_text("2,2.0,7,car,stop,enter,0.000\n")
    view = "1,0,0,0,1,0,0,0,1\n"
    (tmp_path / VIEWS).write_text("".join(f"{number},{view}" for number in (1, 2, 3, 8)))
    counts = StreamCounts()
    counts.add(tmp_path, Clock(60))
    [row] = TABLES["zones"].by_interval(counts)
    assert (row["frames"], row["mean_vehicles"]) == (4, "0.75")
