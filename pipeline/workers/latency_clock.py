"""Dates results, and measures the age of their frames although the wall clock may be set."""

from __future__ import annotations

import time
from collections.abc import Callable

from stages.sink.timing import Written

_LEAP_NS = 100_000_000  # longer than reading the two clocks one after the other takes


class LatencyClock:
    """Dates results by the monotonic clock, which nobody sets.

    Capture times are those of the wall clock. If that has been set since the capture, as when a
    machine without a battery for its clock learns the time, the frame's age is computed as if it
    had not been set.

    Args:
        wall: Wall clock, ns since the epoch.
        monotonic: Monotonic clock, ns.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._leapt_ns = monotonic()
        self._offset = self._earlier_offset = wall() - self._leapt_ns

    def written(self, captured_ns: int) -> Written:
        """Returns the time, and the latency of a frame captured at this time of the wall clock."""
        now_ns = self._monotonic()
        offset = self._wall() - now_ns
        if abs(offset - self._offset) > _LEAP_NS:
            self._earlier_offset, self._leapt_ns = self._offset, now_ns
        self._offset = offset
        offsets = [offset]
        if captured_ns <= self._leapt_ns + self._earlier_offset:  # perhaps before the clock was set
            offsets.append(self._earlier_offset)
        ages = (now_ns + each - captured_ns for each in offsets)
        return Written(now_ns, min((age for age in ages if age >= 0), default=0))
