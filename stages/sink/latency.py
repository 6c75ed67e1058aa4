"""Percentiles of durations in bounded memory."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOWEST_NS = 1_000  # 1 µs
_HIGHEST_NS = 1_000_000_000_000  # 1000 s
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = math.ceil(math.log(_HIGHEST_NS / _LOWEST_NS) / _LOG_GROWTH)


@dataclass(frozen=True, slots=True)
class LatencyState:
    """The state of a `LatencyHistogram`, without its empty buckets."""

    lowest_ns: int
    highest_ns: int
    total_ns: int
    buckets: dict[int, int]


class LatencyHistogram:
    """Counts durations in buckets that grow by 2 %, from 1 µs to 1000 s.

    A percentile is the geometric middle of its bucket, hence within 1 % of the exact value;
    durations beyond either end count in the outermost bucket.
    """

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._count = 0
        self._lowest = 0
        self._highest = 0
        self._total = 0

    def __len__(self) -> int:
        """Number of durations added."""
        return self._count

    def add(self, ns: int) -> None:
        """Counts one duration of ``ns`` nanoseconds (a negative one, by a clock set back, as 0)."""
        ns = max(0, ns)
        self._counts[_bucket(ns)] += 1
        self._lowest = min(self._lowest, ns) if self._count else ns
        self._highest = max(self._highest, ns)
        self._count += 1
        self._total += ns

    @property
    def total_ns(self) -> int:
        """Sum of all durations."""
        return self._total

    def cumulative(self, bounds_ns: Sequence[int]) -> list[int]:
        """How many durations do not exceed each of ``bounds_ns``, accurate to 2 %."""
        sums = list(itertools.accumulate(self._counts))
        return [sums[_bucket(bound)] for bound in bounds_ns]

    def percentile(self, p: float) -> float | None:
        """The smallest duration, in ns, that at least ``p`` percent do not exceed.

        Args:
            p: 0 to 100.

        Returns:
            The duration, or None where nothing was added.

        Raises:
            ValueError: ``p`` lies outside its range.
        """
        if not 0 <= p <= 100:
            raise ValueError(f"p must lie in [0, 100], got {p}")
        if not self._count:
            return None
        rank = max(1, math.ceil(self._count * p / 100))
        bucket = bisect.bisect_left(list(itertools.accumulate(self._counts)), rank)
        middle = _LOWEST_NS * _GROWTH ** (bucket + 0.5)
        return min(max(middle, float(self._lowest)), float(self._highest))

    def state(self) -> LatencyState:
        """Everything that `restore` needs."""
        buckets = {bucket: count for bucket, count in enumerate(self._counts) if count}
        return LatencyState(self._lowest, self._highest, self._total, buckets)

    def restore(self, state: LatencyState) -> None:
        """Continues from ``state``."""
        self._lowest, self._highest = state.lowest_ns, state.highest_ns
        self._total = state.total_ns
        self._count = sum(state.buckets.values())
        self._counts = [state.buckets.get(bucket, 0) for bucket in range(_BUCKETS)]


def _bucket(ns: int) -> int:
    if ns <= _LOWEST_NS:
        return 0
    return min(_BUCKETS - 1, int(math.log(ns / _LOWEST_NS) / _LOG_GROWTH))
