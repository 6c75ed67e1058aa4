"""How long the frames of a stream took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stages.sink.latency import LatencyHistogram


class Written(NamedTuple):
    """When the results of a frame were written.

    Attributes:
        at_ns: Monotonic clock, ns.
        latency_ns: Time since the frame's capture, ns.
    """

    at_ns: int
    latency_ns: int


@dataclass(slots=True)
class StreamTiming:
    """Durations of one stream.

    Attributes:
        latency: Capture to results.
        work: Each stage's work on a frame.
        first_ns: When the first frame was captured, by the wall clock, ns since the epoch; None
            before it.
        begun_ns: The same by the monotonic clock, ns.
        last_ns: When the latest frame's results were written, by the monotonic clock, ns.
    """

    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    work: dict[str, LatencyHistogram] = field(default_factory=dict)
    first_ns: int | None = None
    begun_ns: int = 0
    last_ns: int = 0

    def add(self, captured_ns: int, work_ns: Mapping[str, int], written: Written) -> None:
        """Adds a frame whose results are written; its capture is by the wall clock."""
        for stage, ns in work_ns.items():
            self.work.setdefault(stage, LatencyHistogram()).add(ns)
        self.latency.add(written.latency_ns)
        if self.first_ns is None:
            self.first_ns, self.begun_ns = captured_ns, written.at_ns - written.latency_ns
        self.last_ns = written.at_ns

    @property
    def seconds(self) -> float:
        """From the first frame's capture to the latest one's results."""
        return (self.last_ns - self.begun_ns) / 1e9

    @property
    def fps(self) -> float | None:
        """Frames per second over that time; None where no time passed."""
        return len(self.latency) / self.seconds if self.seconds > 0 else None
