from dataclasses import replace
from fractions import Fraction

from stages.decoder.pace import Pace
from stages.records import FrameHeader, PixelFormat

FRAME = FrameHeader("cam", 0, 0, 0, 0, Fraction(1, 1000), 0, 4, 4, PixelFormat.YUV420P)


class Clock:
    """Time that passes by waiting only."""

    def __init__(self):
        self.ns = 0
        self.waits = []

    def wait(self, seconds):
        self.waits.append(round(seconds, 3))
        self.ns += round(seconds * 1e9)
        return False


def held(times, epochs=None, work_ns=0):
    clock = Clock()
    pace = Pace(clock.wait, clock=lambda: clock.ns + 5, monotonic=lambda: clock.ns)
    captured = []
    for number, milliseconds in enumerate(times):
        epoch = epochs[number] if epochs else 0
        clock.ns += work_ns
        captured.append(pace.hold(replace(FRAME, epoch=epoch, pts=milliseconds)).captured_ns)
    return clock.waits, captured


def test_frames_come_when_they_were_taken():
    waits, captured = held([500, 540, 700, 700, 720])
    assert waits == [0.04, 0.16, 0.02]
    assert captured == [5, 40_000_005, 200_000_005, 200_000_005, 220_000_005]


def test_time_spent_on_a_frame_is_not_waited_again():
    assert held([0, 40, 80], work_ns=15_000_000)[0] == [0.025, 0.025]


def test_clocks_that_jump_and_new_epochs_hold_nobody_up_for_long():
    assert held([0, 10_000_000, 0, 40])[0] == [10.0, 0.04]
    assert held([0, 900_000, 900_040], [0, 1, 1])[0] == [0.04]
