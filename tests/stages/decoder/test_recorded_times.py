from fractions import Fraction

import pytest

from stages.decoder.recorded_times import RecordedTimes


def placed(times, rate=25, unit=Fraction(1, 1000)):
    """Returns presentation and decoding times of packets that arrive at the pace of ``times``."""
    clock = iter([float(pts * unit) for pts in times])
    recorded = RecordedTimes(Fraction(rate), unit, lambda: next(clock))
    return [recorded.place(pts) for pts in times]


@pytest.mark.parametrize("start", [-80, 0, 500, 10**9])
def test_no_time_is_negative_or_before_its_packet_is_decoded(start):
    times = placed([start + pts for pts in (0, 120, 40, 80, 240, 160, 200)])
    assert [pts - times[0][0] for pts, _ in times] == [0, 120, 40, 80, 240, 160, 200]
    assert [dts for _, dts in times] == sorted({dts for _, dts in times})
    assert all(0 <= dts <= pts for pts, dts in times)


def test_fields_that_share_a_time_are_not_shown_before_they_are_decoded():
    times = placed([number // 2 for number in range(400)], unit=Fraction(1, 25))
    assert [dts for _, dts in times] == sorted({dts for _, dts in times})
    assert all(dts <= pts for pts, dts in times)


def test_a_restarted_clock_continues_after_the_latest_reordered_frame():
    times = placed([90_000, 90_120, 90_040, 90_080, 0, 40])
    shown = [pts - times[0][0] for pts, _ in times]
    assert shown == [0, 120, 40, 80, 160, 200]
