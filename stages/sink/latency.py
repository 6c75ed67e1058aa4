"""Percentiles of durations in bounded memory."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence

_LOWEST_NS = 1_000  # 1 µs
_HIGHEST_NS = 1_000_000_000_000  # 1000 s
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = math.ceil(math.log(_HIGHEST_NS / _LOWEST_NS) / _LOG_GROWTH)


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
        """How many durations were added."""
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
        """How many durations do not exceed each of ``bounds_ns``, by up to 2 %."""
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

    def to_dict(self) -> dict[str, object]:
        """A JSON object: the range in ns and the non-empty buckets."""
        return {
            "lowest_ns": self._lowest,
            "highest_ns": self._highest,
            "total_ns": self._total,
            "buckets": {str(i): count for i, count in enumerate(self._counts) if count},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> LatencyHistogram:
        """The histogram that `to_dict` wrote.

        Raises:
            ValueError: ``data`` is no such object.
        """
        histogram = cls()
        try:
            buckets = data["buckets"]
            if not isinstance(buckets, Mapping):
                raise TypeError("buckets must be an object")
            for bucket, count in buckets.items():
                if not (0 <= int(bucket) < _BUCKETS and int(count) > 0):
                    raise IndexError(f"bucket {bucket} with count {count}")
                histogram._counts[int(bucket)] = int(count)
            histogram._count = sum(histogram._counts)
            histogram._lowest = int(str(data["lowest_ns"]))
            histogram._highest = int(str(data["highest_ns"]))
            histogram._total = int(str(data["total_ns"]))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"not a latency histogram: {error}") from error
        return histogram


def _bucket(ns: int) -> int:
    if ns <= _LOWEST_NS:
        return 0
    return min(_BUCKETS - 1, int(math.log(ns / _LOWEST_NS) / _LOG_GROWTH))
