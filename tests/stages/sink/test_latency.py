from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stages.sink.latency import LatencyHistogram


def filled(values: np.ndarray) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values.tolist():
        histogram.add(value)
    return histogram


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.exp(np.random.default_rng(0).normal(16, 2, 20_000)).astype(np.int64)


@pytest.mark.parametrize("p", [0, 1, 25, 50, 95, 99, 99.9, 100])
def test_percentiles_match_numpy_within_one_percent(values: np.ndarray, p: float) -> None:
    expected = np.percentile(values, p, method="inverted_cdf")
    assert filled(values).percentile(p) == pytest.approx(expected, rel=0.0101)


@pytest.mark.parametrize("ns", [1_004_000, 1_013_000, 2_000_000])
@pytest.mark.parametrize("p", [0, 50, 100])
def test_every_percentile_of_a_single_duration_is_that_duration(ns: int, p: float) -> None:
    assert filled(np.array([ns])).percentile(p) == ns


@pytest.mark.parametrize(("p", "ms"), [(0, 1), (25, 1), (26, 2), (50, 2), (51, 5), (76, 9)])
def test_percentiles_of_few_durations(p: float, ms: int) -> None:
    durations = np.array([9, 1, 5, 2]) * 1_000_000
    assert filled(durations).percentile(p) == pytest.approx(1e6 * ms, rel=0.0101)


def test_cumulative_counts_and_the_sum_are_exact_within_a_bucket(values: np.ndarray) -> None:
    histogram = filled(values)
    bounds = [1_000, 1_000_000, 10_000_000, 10**13]
    found = histogram.cumulative(bounds)
    for bound, count in zip(bounds, found, strict=True):
        assert (values <= bound).sum() <= count <= (values <= bound * 1.021).sum()
    assert found[-1] == len(values)
    assert histogram.total_ns == values.sum()


def test_saved_histogram_can_be_continued(values: np.ndarray) -> None:
    saved = msgspec.msgpack.encode(filled(values[:900]))
    second = msgspec.msgpack.decode(saved, type=LatencyHistogram)
    for value in values[900:].tolist():
        second.add(value)
    assert second == filled(values)
    assert len(second) == len(values)


def test_negative_and_very_long_durations_are_counted() -> None:
    histogram = filled(np.array([-5, 0, 10, 10**13]))
    assert len(histogram) == 4
    assert (histogram.lowest_ns, histogram.total_ns) == (0, 10**13 + 10)
    lowest, highest = histogram.percentile(0), histogram.percentile(100)
    assert lowest is not None
    assert highest is not None
    assert 0 <= lowest < 1100
    assert 9e11 < highest <= 1e13


def test_number_of_buckets_is_bounded(values: np.ndarray) -> None:
    assert len(filled(values).buckets) < 1100


def test_an_empty_histogram_has_no_percentile() -> None:
    assert LatencyHistogram().percentile(50) is None
