from dataclasses import replace
from fractions import Fraction

import pytest

from stages.decoder.pace import Pace
from stages.records import FrameHeader, PixelFormat

FRAME = FrameHeader("cam", 0, 0, 0, 0, Fraction(1, 1000), 0, 4, 4, PixelFormat.YUV420P)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self):
        self.ns = 0
        self.waits = []

    def wait(self, seconds):
        self.waits.append(round(seconds, 3))
        self.ns += round(seconds * 1e9)
        return False


def paced(times, epochs=None, work_ns=0, arrivals=None, **options):
    """Returns waits and capture times of frames, which the source has at ``arrivals`` (ns)."""
    clock = Clock()
    pace = Pace(clock.wait, clock=lambda: clock.ns + 5, monotonic=lambda: clock.ns, **options)
    captured = []

    def source():
        for number, milliseconds in enumerate(times):
            clock.ns = max(clock.ns, arrivals[number] if arrivals else 0)
            yield number, milliseconds

    for number, milliseconds in pace.timed(source()):
        epoch = epochs[number] if epochs else 0
        clock.ns += work_ns
        captured.append(pace.hold(replace(FRAME, epoch=epoch, pts=milliseconds)).captured_ns)
    return clock.waits, captured


def test_frames_are_released_at_the_pace_of_their_times():
    waits, captured = paced([500, 540, 700, 700, 720])
    assert waits == [0.04, 0.16, 0.02]
    assert captured == [5, 40_000_005, 200_000_005, 200_000_005, 220_000_005]


def test_time_spent_on_a_frame_is_deducted_from_the_wait():
    assert paced([0, 40, 80], work_ns=15_000_000)[0] == [0.025, 0.025]


def test_clock_jumps_and_new_epochs_cause_no_long_wait():
    assert paced([0, 10_000_000, 0, 40])[0] == [10.0, 0.04]
    assert paced([0, 900_000, 900_040], [0, 1, 1])[0] == [0.04]


def test_a_pause_of_the_source_delays_the_following_frames():
    segments = [0, 0, 5 * 10**9, 6 * 10**9, 7 * 10**9]  # each a second, two frames
    times = range(0, 5000, 500)
    arrivals = [at for at in segments for _ in range(2)]
    taken = [ns // 10**6 for ns in paced(times, arrivals=arrivals)[1]]
    # The first segment tries to catch up, but the source has no more frames.
    assert taken == [0, 500, 1000, 1500, 5000, 5450, 6000, 6500, 7000, 7500]


def test_a_delay_by_a_slow_server_is_caught_up_gradually():
    times = range(0, 10_000, 100)
    arrivals = [0] * 10 + [2 * 10**9] * 90  # it has all of the others a second late
    taken = [ns // 10**6 for ns in paced(times, arrivals=arrivals)[1]]
    assert taken[9:12] == [900, 2000, 2090]
    assert taken[60] == 2000 + 50 * 90
    late = [at - time for at, time in zip(taken, times, strict=True)]
    assert late[10] == 1000
    assert late[-1] == 110


def test_each_delay_is_caught_up_whatever_came_before():
    available = [0] * 10 + [2000] * 90 + [11_100] * 50 + [16_400] * 50  # from these ms on
    arrivals = [milliseconds * 10**6 for milliseconds in available]
    taken = [ns // 10**6 for ns in paced(range(0, 20_000, 100), arrivals=arrivals)[1]]
    assert [taken[number] for number in (10, 100, 150)] == [2000, 11_100, 16_400]
    assert [taken[number + 1] - taken[number] for number in (10, 100, 150)] == [90, 90, 90]


def test_a_lost_segment_is_waited_for_once():
    segments = [0, 1, 4, 5, 6]  # each a second, two frames; two after the second are lost
    times = [0, 500, 1000, 1500, 4000, 4500, 5000, 5500, 6000, 6500]
    arrivals = [at * 10**9 for at in segments for _ in range(2)]
    taken = [ns // 10**6 for ns in paced(times, arrivals=arrivals, longest_gap=0.5)[1]]
    assert taken == [*times[:5], 4450, *times[6:]]


@pytest.mark.parametrize("is_live", [False, True])
def test_time_lost_on_a_frame_is_made_up(is_live):
    clock = Clock()
    pace = Pace(clock.wait, clock=lambda: clock.ns, monotonic=lambda: clock.ns)
    taken = []

    def source():
        for number in range(5):
            clock.ns = max(clock.ns, 40_000_000 * number * is_live)
            yield number

    for number in pace.timed(source()):
        taken.append(pace.hold(replace(FRAME, pts=40 * number)).captured_ns // 10**6)
        clock.ns += 10**8 if number == 1 else 0
    assert taken == [0, 40, 140, 140, 160]
