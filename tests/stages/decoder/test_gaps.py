import itertools
from fractions import Fraction

from stages.decoder.gaps import Gaps


def reported(times, indices=None):
    gaps = Gaps()
    gaps.begin(Fraction(1, 1000))
    for index, pts in zip(indices or itertools.count(), times, strict=False):
        gaps.follow(index, pts)
    return gaps.in_words()


def test_a_jump_at_a_constant_rate_is_a_gap():
    rounded = [round(index * 1000 / 30) for index in range(80)]
    assert reported(rounded) == ""
    assert reported(rounded[:40] + rounded[50:]) == "no frames for 0.4 s after frame 40"
    twice = rounded[:30] + rounded[40:50] + rounded[60:]
    assert reported(twice) == "no frames for 0.4 s after frame 30, the first of 2 such gaps"


def test_a_rate_close_to_the_time_resolution_is_constant():
    rounded = [round(index * 1000 / 120) for index in range(80)]  # steps of 8 and 9 ticks
    assert reported(rounded) == ""
    assert reported(rounded[:40] + rounded[60:]) == "no frames for 0.2 s after frame 40"


def test_times_rounded_twice_have_a_constant_rate():
    steps = [16, 17, 18, 17] * 20
    times = [0, *itertools.accumulate(steps)]
    assert reported(times) == ""
    assert reported([*times, times[-1] + 500]) == "no frames for 0.5 s after frame 81"


def test_a_gap_is_found_soon_after_a_broken_frame():
    kept = [*range(30), *range(31, 36), *range(46, 50)]
    assert reported([40 * index for index in kept], [*range(30), *range(31, 40)]) == (
        "no frames for 0.4 s after frame 36"
    )


def test_frames_known_to_be_lost_are_not_a_gap():
    kept = [*range(40), *range(50, 80)]
    assert reported([40 * index for index in kept], kept) == ""


def test_a_varying_rate_has_no_gaps():
    assert reported([40 * index + 15 * (index % 3) for index in range(40)] + [9000]) == ""
