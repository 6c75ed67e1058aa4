"""How long the frames of a stream took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.sink.latency import LatencyHistogram


@dataclass(slots=True)
class StreamTiming:
    """Durations of one stream; times are the wall clock's, ns since the epoch.

    Attributes:
        latency: Capture to results.
        work: Each stage's work on a frame.
        first_ns: When the first frame was captured; None before it.
        last_ns: When the latest frame's results were written.
    """

    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    work: dict[str, LatencyHistogram] = field(default_factory=dict)
    first_ns: int | None = None
    last_ns: int = 0

    def add(self, captured_ns: int, work_ns: Mapping[str, int], now_ns: int) -> None:
        """Adds a frame whose results are written."""
        for stage, ns in work_ns.items():
            self.work.setdefault(stage, LatencyHistogram()).add(ns)
        self.latency.add(now_ns - captured_ns)
        if self.first_ns is None:
            self.first_ns = captured_ns
        self.last_ns = now_ns

    @property
    def seconds(self) -> float:
        """From the first frame's capture to the latest one's results."""
        return 0.0 if self.first_ns is None else (self.last_ns - self.first_ns) / 1e9

    @property
    def fps(self) -> float | None:
        """Frames per second over that time; None where no time passed."""
        return len(self.latency) / self.seconds if self.seconds > 0 else None
