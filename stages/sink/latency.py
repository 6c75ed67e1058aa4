"""Percentiles of durations in bounded memory."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_LOWEST_NS = 1_000  # 1 µs
_HIGHEST_NS = 1_000_000_000_000  # 1000 s
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = math.ceil(math.log(_HIGHEST_NS / _LOWEST_NS) / _LOG_GROWTH)


@dataclass(slots=True)
class LatencyHistogram:
    """Counts durations in buckets that grow by 2 %, from 1 µs to 1000 s.

    A percentile is the geometric centre of its bucket, hence within 1 % of the exact value;
    durations outside this range count in the outermost bucket.

    Attributes:
        lowest_ns: The shortest duration.
        highest_ns: The longest duration.
        total_ns: Sum of all durations.
        buckets: Number of durations in each bucket that is not empty.
    """

    lowest_ns: int = 0
    highest_ns: int = 0
    total_ns: int = 0
    buckets: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of durations added."""
        return sum(self.buckets.values())

    def add(self, ns: int) -> None:
        """Adds a duration in nanoseconds; a negative one, from a clock set back, counts as 0."""
        ns = max(0, ns)
        self.lowest_ns = min(self.lowest_ns, ns) if self.buckets else ns
        self.highest_ns = max(self.highest_ns, ns)
        self.total_ns += ns
        bucket = _bucket(ns)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def cumulative(self, bounds_ns: Sequence[int]) -> list[int]:
        """Returns how many durations do not exceed each of ``bounds_ns``, accurate to 2 %."""
        sums = self._sums()
        return [sums[_bucket(bound)] for bound in bounds_ns]

    def percentile(self, p: float) -> float | None:
        """Returns the smallest duration, in ns, that at least ``p`` percent do not exceed.

        None if nothing was added.
        """
        if not self.buckets:
            return None
        sums = self._sums()
        bucket = bisect.bisect_left(sums, max(1, math.ceil(sums[-1] * p / 100)))
        center = _LOWEST_NS * _GROWTH ** (bucket + 0.5)
        return min(max(center, float(self.lowest_ns)), float(self.highest_ns))

    def _sums(self) -> list[int]:
        """Returns the number of durations in each bucket and those below it."""
        return list(itertools.accumulate(self.buckets.get(each, 0) for each in range(_BUCKETS)))


def _bucket(ns: int) -> int:
    if ns <= _LOWEST_NS:
        return 0
    return min(_BUCKETS - 1, int(math.log(ns / _LOWEST_NS) / _LOG_GROWTH))
