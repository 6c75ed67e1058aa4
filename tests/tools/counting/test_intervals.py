"""The interval that a time lies in, and how it is shown."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tools.counting.intervals import Clock, Interval

QUARTER = 900
AUTUMN = ("24T22:00:00", "25T00:30:00", "25T01:30:00", "25T22:59:59")  # 25 hours, in UTC
SPRING = ("28T23:00:00", "29T00:59:59", "29T01:00:00", "29T21:59:59")  # 23 hours
BERLIN = ZoneInfo("Europe/Berlin")


def test_camera_times_are_local_even_in_the_repeated_hour() -> None:
    clock = Clock(QUARTER, BERLIN)
    times = [f"2026-10-25T0{hour}:31:00.120+00:00" for hour in (0, 1)]
    first, second = map(clock.interval, times)
    assert first[1:] == ("2026-10-25 02:30:00", "+02:00")
    assert second[1:] == ("2026-10-25 02:30:00", "+01:00")
    assert second.at - first.at == 3600


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sets this machine's time zone."""
    with monkeypatch.context() as within:
        within.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("zone", [BERLIN, None])
def test_a_day_with_a_clock_change_is_one_interval(zone: ZoneInfo | None, berlin: None) -> None:
    clock = Clock(86_400, zone)
    autumn = {clock.interval(f"2026-10-{day}+00:00") for day in AUTUMN}
    spring = {clock.interval(f"2026-03-{day}+00:00") for day in SPRING}
    assert [interval[1:] for interval in autumn] == [("2026-10-25 00:00:00", "+02:00")]
    assert [interval[1:] for interval in spring] == [("2026-03-29 00:00:00", "+01:00")]


def test_times_after_the_clock_change_are_in_the_later_equal_interval() -> None:
    clock = Clock(7_200, BERLIN)
    night = [clock.interval(f"2026-10-25T0{hour}:30:00.000+00:00") for hour in range(3)]
    assert {interval.begin for interval in night} == {"2026-10-25 02:00:00"}
    assert [interval.utc_offset for interval in night] == ["+02:00", "+01:00", "+01:00"]


@pytest.mark.parametrize("zone", [BERLIN, None])
def test_an_interval_may_begin_with_a_skipped_hour(zone: ZoneInfo | None, berlin: None) -> None:
    interval = Clock(7_200, zone).interval("2026-03-29T01:30:00.000+00:00")
    assert interval.at == datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()


def test_clocks_may_be_set_back_to_midnight() -> None:
    clock = Clock(86_400, ZoneInfo("America/Havana"))
    hours = ("04:30", "05:30", "12:00")  # UTC; the first local hour of that day is repeated
    days = {clock.interval(f"2026-11-01T{hour}:00.000+00:00") for hour in hours}
    assert [interval[1:] for interval in sorted(days)] == [
        ("2026-11-01 00:00:00", "-04:00"),
        ("2026-11-01 00:00:00", "-05:00"),
    ]


def test_hourly_intervals_begin_on_local_hours() -> None:
    clock = Clock(3600, ZoneInfo("Asia/Kolkata"))
    interval = clock.interval("2026-05-04T07:10:00.000+00:00")
    assert interval[1:] == ("2026-05-04 12:00:00", "+05:30")


@pytest.mark.parametrize(
    ("time", "begin"),
    [("0.040", "0:00:00"), ("899.960", "0:00:00"), ("900.000", "0:15:00"), ("90000", "25:00:00")],
)
def test_recorded_video_times_count_from_its_beginning(time: str, begin: str) -> None:
    assert Clock(QUARTER).interval(time)[1:] == (begin, "")


def test_recorded_video_times_are_local_if_its_start_is_known() -> None:
    clock = Clock(QUARTER, start=datetime(2026, 5, 4, 7, 3, 0, 500_000))
    first, second = clock.interval("719.9"), clock.interval("720.0")
    assert first[1:] == ("2026-05-04 07:00:00", "")
    assert second[1:] == ("2026-05-04 07:15:00", "")
    assert second.at - first.at == QUARTER


def test_a_clock_accepts_times_in_any_order() -> None:
    clock = Clock(QUARTER)
    assert [clock.interval(time).at for time in ("900.5", "0.5", "900.6")] == [900, 0, 900]


def test_intervals_sort_by_time() -> None:
    assert Interval(9.0, "9", "") < Interval(10.0, "10", "")


@pytest.mark.parametrize("time", ["", "soon", "2026-05-04Tx"])
def test_malformed_times_are_refused(time: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Clock(QUARTER).interval(time)


def test_short_camera_intervals_are_kept_apart() -> None:
    clock = Clock(10, BERLIN)
    begins = [
        clock.interval(f"2026-05-04T07:10:{second:02}.0+00:00").begin[-2:] for second in (9, 10)
    ]
    assert begins == ["00", "10"]


def test_camera_times_are_read_as_utc_in_any_machine_time_zone(berlin: None) -> None:
    interval = Clock(QUARTER, ZoneInfo("Asia/Tokyo")).interval("2026-05-04T07:10:00.000+00:00")
    assert interval.begin == "2026-05-04 16:00:00"
