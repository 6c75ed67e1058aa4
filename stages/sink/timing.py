"""Measures how long the frames of a stream took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stages.sink.latency import LatencyHistogram


class Written(NamedTuple):
    """When the results of a frame were written.

    Attributes:
        at_ns: Monotonic clock in ns.
        latency_ns: Time since the frame's capture in ns.
    """

    at_ns: int
    latency_ns: int


@dataclass(slots=True)
class StreamTiming:
    """Durations of one stream.

    Attributes:
        latency: Latency from capture to results.
        work: Work of each stage on a frame, by the stage's name.
        first_ns: Wall-clock time of the first frame's capture in ns since the Unix epoch; None
            before the first frame.
        begun_ns: Monotonic time of the first frame's capture in ns.
        last_ns: Monotonic time at which the latest frame's results were written, in ns.
    """

    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    work: dict[str, LatencyHistogram] = field(default_factory=dict)
    first_ns: int | None = None
    begun_ns: int = 0
    last_ns: int = 0

    def add(self, captured_ns: int, work_ns: Mapping[str, int], written: Written) -> None:
        """Adds a frame whose results are written; ``captured_ns`` is by the wall clock."""
        for stage, ns in work_ns.items():
            self.work.setdefault(stage, LatencyHistogram()).add(ns)
        self.latency.add(written.latency_ns)
        if self.first_ns is None:
            self.first_ns, self.begun_ns = captured_ns, written.at_ns - written.latency_ns
        self.last_ns = written.at_ns

    @property
    def seconds(self) -> float:
        """Time from the first frame's capture to the latest frame's results."""
        return (self.last_ns - self.begun_ns) / 1e9

    @property
    def fps(self) -> float | None:
        """Frames per second over `seconds`; None if no time passed."""
        return len(self.latency) / self.seconds if self.seconds > 0 else None
