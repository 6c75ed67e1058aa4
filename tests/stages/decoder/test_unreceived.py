import itertools
import random
from fractions import Fraction

import pytest

from stages.decoder.unreceived import UnreceivedFrames

STEP = 3600
STEADY = [STEP] * 60


def count(steps, *, arrivals=None, broken=(), time_base=Fraction(1, 90_000)):
    """Returns how many frames count as unreceived.

    Frames are ``steps`` ticks apart; those in ``broken`` are known to be broken.
    """
    unreceived = UnreceivedFrames(time_base)
    times = list(itertools.accumulate(steps, initial=0))
    arrived = list(itertools.accumulate(arrivals or (t * time_base for t in steps), initial=0))
    frames = zip(range(len(times)), times, arrived, strict=True)
    return sum(unreceived.follow(i, t, float(at)) for i, t, at in frames if i not in broken)


@pytest.mark.parametrize("lost", [1, 2, 24])
def test_frames_missing_from_a_steady_stream_are_counted(lost):
    assert count([*STEADY, (lost + 1) * STEP, *STEADY]) == lost
    assert count([*STEADY, (lost + 1) * STEP, *STEADY, 2 * STEP, *STEADY]) == lost + 1
    assert count(STEADY * 3) == 0


def test_a_gap_counts_only_with_a_steady_rate_before_and_after():
    assert count([*STEADY, 2 * STEP, *[STEP] * 24]) == 0
    assert count([*STEADY, 2 * STEP, *[STEP] * 25]) == 1
    assert count([*[STEP] * 24, 2 * STEP, *STEADY]) == 0


def test_rounded_and_jittery_times_are_steady():
    milliseconds = [round(i * 1000 / 30) for i in (*range(60), *range(70, 140))]
    steps = [after - before for before, after in itertools.pairwise(milliseconds)]
    assert count(steps, time_base=Fraction(1, 1000)) == 10
    jitter = random.Random(0)
    times = [i * STEP + jitter.randint(-80, 80) for i in (*range(60), *range(63, 140))]
    assert count([after - before for before, after in itertools.pairwise(times)]) == 3


def test_known_broken_frames_are_not_counted():
    assert count(STEADY * 2, broken={61, 62}) == 0
    assert count([*STEADY, STEP, 3 * STEP, STEP, *STEADY], broken={61}) == 2
    assert count([*STEADY, 3 * STEP, *STEADY], broken={50, 70}) == 2


def test_closely_spaced_frames_imply_no_missing_frames():
    assert count([*STEADY, STEP // 2, STEP // 2, *STEADY], broken={61}) == 0


def test_frame_rate_changes_are_not_missing_frames():
    slow = [2 * STEP] * 60
    assert count([*STEADY, *slow, *STEADY, *slow]) == 0
    assert count([*STEADY, *slow[:3], *STEADY]) == 0
    dim = random.Random(0)
    assert count(dim.choices([STEP, 2 * STEP], [4, 1], k=2000)) == 0


def test_pauses_and_irregular_rates_are_not_missing_frames():
    assert count([*STEADY, 26 * STEP, *STEADY]) == 0
    assert count([*STEADY, STEP * 5 // 2, *STEADY]) == 0
    assert count([*STEADY, 2 * STEP, *[round(1.2 * STEP)] * 60]) == 0
    noisy = random.Random(0)
    assert count([noisy.randint(STEP // 2, 3 * STEP) for _ in range(2000)]) == 0
    assert count([STEP, STEP, STEP, 2 * STEP] * 100) == 0


def test_a_clock_set_forward_is_not_a_gap():
    second = 1 / 25
    steps = [*STEADY, 11 * STEP, *STEADY]
    assert count(steps, arrivals=[second] * len(steps)) == 0


def test_a_gap_counts_despite_network_jitter():
    jitter = random.Random(0)
    steps = [*STEADY, 5 * STEP, *STEADY]
    due = [0, *itertools.accumulate(step / 90_000 for step in steps)]
    late = [at + jitter.choice([0.01, 0.3]) for at in due]
    assert (
        count(steps, arrivals=[after - before for before, after in itertools.pairwise(late)]) == 4
    )


def test_a_frame_held_back_by_the_decoder_does_not_hide_a_gap():
    steps = [*STEADY, 3 * STEP, *STEADY]
    arrivals = [step / 90_000 for step in (*steps[1:], STEP)]
    assert count(steps, arrivals=arrivals) == 2
