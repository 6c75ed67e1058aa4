import pytest

from pipeline.workers.latency_clock import LatencyClock

SECOND = 10**9


class Clocks:
    """A machine's two clocks; frames are written 0.2 s after their capture."""

    def __init__(self):
        self.wall, self.monotonic = 1000 * SECOND, 50 * SECOND

    def sleep(self, seconds):
        self.wall += round(seconds * SECOND)
        self.monotonic += round(seconds * SECOND)


@pytest.mark.parametrize("leap", [-3600, -1, 1, 7200])
def test_setting_the_wall_clock_changes_no_latency(leap):
    clocks = Clocks()
    clock = LatencyClock(lambda: clocks.wall, lambda: clocks.monotonic)
    written = []
    for frame in range(20):
        captured = clocks.wall
        clocks.sleep(0.1)
        if frame == 10:  # between a frame's capture and its results
            clocks.wall += leap * SECOND
        clocks.sleep(0.1)
        written.append(clock.written(captured))
    assert [each.latency_ns for each in written] == [SECOND // 5] * 20
    assert written[-1].at_ns - written[0].at_ns == 19 * SECOND // 5


@pytest.mark.parametrize("leap", [-1, 1])
def test_latencies_longer_than_an_earlier_leap_are_measured_in_full(leap):
    clocks = Clocks()
    clock = LatencyClock(lambda: clocks.wall, lambda: clocks.monotonic)
    clocks.wall += leap * SECOND
    clock.written(clocks.wall)
    clocks.sleep(0.1)
    for _ in range(3):
        captured = clocks.wall
        clocks.sleep(2)
        assert clock.written(captured).latency_ns == 2 * SECOND


def test_a_frame_captured_in_the_future_has_zero_latency():
    clocks = Clocks()
    clock = LatencyClock(lambda: clocks.wall, lambda: clocks.monotonic)
    assert clock.written(clocks.wall + SECOND).latency_ns == 0
