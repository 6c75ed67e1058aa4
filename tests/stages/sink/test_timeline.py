from __future__ import annotations

from fractions import Fraction

from stages.sink.timeline import Timeline
from tests.stages.sink.conftest import STEP, TIME_BASE, make_header


def test_source_times_are_shifted_to_zero() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    assert timeline.seconds == 0
    times = [1000, 1512, 1600, 4000]
    placed = [timeline.place(make_header(i, pts=pts)) for i, pts in enumerate(times)]
    assert placed == [0, 512, 600, 3000]
    assert timeline.seconds == 3000 / 12800


def test_duration_is_the_median_step_or_before_that_a_frame_period() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    assert timeline.typical_duration == STEP
    timeline.place(make_header(0, pts=0))
    assert timeline.typical_duration == STEP
    timeline.place(make_header(1, pts=2 * STEP))
    assert timeline.typical_duration == 2 * STEP
    for index, pts in enumerate((1124, 1224, 1324, 9000), start=2):
        timeline.place(make_header(index, pts=pts))
    assert timeline.typical_duration == 100


def test_times_always_increase() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    placed = [timeline.place(make_header(i, pts=pts)) for i, pts in enumerate((0, 512, 512, 100))]
    assert placed == [0, 512, 513, 514]


def test_frame_is_shown_for_ten_seconds_at_most() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    seconds = [0, 3600, 3609, 7 * 3600, 7 * 3600 + 1]
    placed = [
        timeline.place(make_header(i, pts=time * STEP * 25)) for i, time in enumerate(seconds)
    ]
    assert [pts * TIME_BASE for pts in placed] == [0, 10, 19, 29, 30]


def test_longer_steps_are_kept_after_the_second_one() -> None:
    timeline = Timeline(TIME_BASE, Fraction(1))
    placed = [timeline.place(make_header(i, pts=12 * 25 * STEP * i)) for i in range(4)]
    assert [pts * TIME_BASE for pts in placed] == [0, 10, 20, 32]


def test_single_outage_does_not_become_the_duration() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    headers = [make_header(0, pts=0), make_header(1, pts=3600 * 25 * STEP)]
    headers += [make_header(2 + i, epoch=1, pts=i * STEP) for i in range(2)]
    placed = [timeline.place(header) for header in headers]
    assert [pts * TIME_BASE for pts in placed] == [0, 10, 20, Fraction(501, 25)]


def test_one_frame_per_minute_is_kept_at_that_rate() -> None:
    timeline = Timeline(TIME_BASE, Fraction(1, 60))
    placed = [timeline.place(make_header(i, pts=60 * 25 * STEP * i)) for i in range(4)]
    assert [pts * TIME_BASE for pts in placed] == [0, 60, 120, 180]


def test_new_epoch_continues_one_frame_later_in_the_first_time_base() -> None:
    timeline = Timeline(TIME_BASE, Fraction(25))
    timeline.place(make_header(0, pts=0))
    timeline.place(make_header(1, pts=512))
    other = Fraction(1, 90_000)
    first = timeline.place(make_header(2, epoch=1, pts=77, time_base=other))
    second = timeline.place(make_header(3, epoch=1, pts=77 + 3601, time_base=other))
    third = timeline.place(make_header(4, epoch=1, pts=77 + 7199, time_base=other))
    assert (first, second, third) == (1024, 1536, 2048)  # to the nearest: 1536.14, 2047.86


def test_duration_is_the_median_of_the_latest_255_steps() -> None:
    timeline, pts = Timeline(TIME_BASE, Fraction(25)), 0
    for step, count in ((100, 400), (200, 127)):
        for _ in range(count):
            pts += step
            timeline.place(make_header(0, pts=pts))
    assert timeline.typical_duration == 100
    timeline.place(make_header(0, pts=pts + 200))
    assert timeline.typical_duration == 200
    assert len(timeline.state.steps) == 255
