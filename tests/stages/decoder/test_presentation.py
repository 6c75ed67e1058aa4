import itertools
from fractions import Fraction

import pytest

from stages.decoder.presentation import PresentationTimes


def placed(*times):
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000))
    return [presentation.place(pts) for pts in times]


def test_source_times_are_kept():
    assert placed(500, 540, 541, 9000) == [500, 540, 541, 9000]


def test_times_are_counted_from_the_origin():
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000), origin=500)
    assert [presentation.place(pts) for pts in (500, None, 580)] == [0, 40, 80]


@pytest.mark.parametrize(
    ("first", "expected"), [(420, [80, 120, 160]), (500, [80, 120, 160]), (540, [120, 160, 200])]
)
def test_the_first_frame_is_never_before_the_beginning(first, expected):
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000), origin=420, begins=80)
    assert [presentation.place(pts) for pts in (first, first + 40, first + 80)] == expected


def test_a_first_frame_without_a_time_is_at_the_beginning():
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000), origin=420, begins=80)
    assert [presentation.place(pts) for pts in (None, 540)] == [80, 120]


def test_a_frame_without_a_time_is_one_frame_later():
    assert placed(None, None, 90, None) == [0, 40, 90, 130]


def test_out_of_order_frames_are_a_tick_apart():
    assert placed(0, 120, 40, 80, 160) == [0, 120, 121, 122, 160]


def test_a_late_frame_does_not_shift_the_others():
    late = [700, 740]
    times = placed(0, 2000, late[0], 2040, late[1], 2080, 2120, 2160)
    assert times == [0, 2000, 2040, 2041, 2080, 2081, 2120, 2160]


def test_a_late_frame_after_a_clock_jump_does_not_shift_the_others():
    times = placed(90_000, 90_040, 0, 40, 80, 90_080, 120, 160)
    assert [time - 90_000 for time in times] == [0, 40, 80, 120, 160, 161, 200, 240]


def test_frames_shorter_than_a_tick_are_a_tick_apart_without_times():
    presentation = PresentationTimes(Fraction(60), Fraction(1, 25))
    assert [presentation.place(None) for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("start", [0, 700, -5000])
def test_a_restarted_clock_continues_one_frame_later(start):
    restarted = [start + 40 * number for number in range(50)]
    times = placed(1960, 2000, *restarted, *restarted)
    assert {after - before for before, after in itertools.pairwise(times)} == {40}


@pytest.mark.parametrize(
    ("passed", "leap", "taken"), [(0.04, 10**8, 40), (20.0, 29_000, 29_000), (20.0, 31_000, 20_000)]
)
def test_a_live_source_is_at_most_ten_seconds_ahead_of_the_clock(passed, leap, taken):
    clock = itertools.accumulate([0.0, 0.04, passed, 0.04])
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000), lambda: next(clock))
    times = [presentation.place(pts) for pts in (0, 40, 40 + leap, 80 + leap)]
    assert times == [0, 40, 40 + taken, 80 + taken]


def live_times(arrivals):
    """Returns the placed times of a live source, from pairs of time and arrival in seconds."""
    seconds = iter([arrived for _, arrived in arrivals])
    presentation = PresentationTimes(Fraction(25), Fraction(1, 1000), lambda: next(seconds))
    return [presentation.place(pts) for pts, _ in arrivals]


def test_a_two_second_pause_is_kept_when_a_live_clock_restarts():
    before = [(90_000 + 40 * number, 0.04 * number) for number in range(25)]
    after = [(40 * number, 2.96 + 0.04 * number) for number in range(25)]
    times = live_times(before + after)
    assert times[23:27] == [90_920, 90_960, 92_960, 93_000]


def test_a_live_source_that_is_ten_percent_too_fast_never_jumps():
    arrivals = [(44 * number, 0.04 * number) for number in range(9000)]
    assert live_times(arrivals) == [pts for pts, _ in arrivals]


@pytest.mark.parametrize("start", [-50_000, 300_000])
def test_a_pause_with_a_live_clock_restart_keeps_its_length(start):
    # FFmpeg hands the last packet over when the next one begins.
    before = [(40 * number, 0.04 * number) for number in range(25)] + [(1000, 8.0)]
    after = [(start + 40 * number, 8.0 + 0.04 * number) for number in range(25)]
    times = live_times(before + after)
    assert times[24:27] == [960, 1000, 8000]
    assert times[-1] == 8960


def test_a_burst_after_a_stall_is_not_a_jump():
    steady = [(40 * number, 0.04 * number) for number in range(25)]
    kept = [(1000 + 40 * number, 13.0) for number in range(20)]
    live = [(12_960 + 40 * number, 13.0 + 0.04 * number) for number in range(25)]
    arrivals = steady + kept + live
    assert live_times(arrivals) == [pts for pts, _ in arrivals]


@pytest.mark.parametrize(("leap", "stall"), [(11, 6), (12, 8), (20, 12)])
def test_a_stall_does_not_restore_an_earlier_jump(leap, stall):
    steady = [(40 * number, 0.04 * number) for number in range(25)]
    leapt = [(1000 * leap + 40 * number, 0.04 * number) for number in range(25, 50)]
    kept = [(1000 * leap + 40 * number, 2.0 + stall) for number in range(50, 50 + 25 * stall)]
    times = live_times(steady + leapt + kept)
    assert times == [40 * number for number in range(len(times))]
