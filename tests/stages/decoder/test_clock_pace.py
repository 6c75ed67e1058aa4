import pytest

from stages.decoder.clock_pace import ClockPace


def measured(arrives, count=8000, rate=25, begins=0.0):
    """Returns the ratios reported for frames, and how many seconds ahead they are.

    By their times, frames come at ``rate`` from ``begins`` on; frame ``index`` arrives at second
    ``arrives(index)``.
    """
    now = 0.0
    pace = ClockPace(lambda: now)
    ratios = []
    for index in range(count):
        now = 1000 + arrives(index)
        ratios.append(pace.follow(begins + index / rate))
    return [ratio for ratio in ratios if ratio is not None], pace.ahead


@pytest.mark.parametrize("rate", [12.5, 20, 30, 50])
def test_a_deviating_pace_is_reported_every_two_minutes(rate):
    ratios, _ = measured(lambda index: index / rate)
    assert ratios == pytest.approx([rate / 25] * int((8000 / rate - 10) / 120), rel=0.01)


@pytest.mark.parametrize(("rate", "count"), [(22, 2), (23, 0), (27, 0), (28, 2)])
def test_a_deviation_of_a_tenth_is_tolerated(rate, count):
    assert len(measured(lambda index: index / rate)[0]) == count


@pytest.mark.parametrize(("fast", "seconds"), [(1.005, 0.0), (1.1, 29.1)])
def test_a_slightly_fast_clock_does_not_count_as_ahead(fast, seconds):
    assert measured(lambda index: index / 25 / fast)[1] == pytest.approx(seconds, abs=0.1)


def test_a_backlog_may_arrive_for_ten_seconds():
    def arrives(index):  # 68 s of video arrive within 9 s
        return max(index / 25 - 60, index / 200)

    assert measured(arrives)[0] == []


def test_jitter_a_pause_and_a_backlog_are_not_reported():
    def arrives(index):
        backlog = max(index / 25, 8.0)  # eight seconds arrive at once
        paused = 6.0 if 3000 <= index < 3150 else 0.0
        return backlog + paused + 0.4 * (index % 5)

    assert measured(arrives)[0] == []


def test_the_lead_of_early_frames_is_measured():
    assert measured(lambda index: index / 50, count=101)[1] == pytest.approx(2.0)
    assert measured(lambda index: index / 25, count=101)[1] == pytest.approx(0.0)
    assert measured(lambda index: index / 25, count=101, begins=500.0)[1] == pytest.approx(0.0)
