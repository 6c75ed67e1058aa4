"""How long the frames of a stream took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from stages.sink.latency import LatencyHistogram, LatencyState


@dataclass(frozen=True, slots=True)
class TimingState:
    """The state of a `StreamTiming`."""

    latency: LatencyState
    work: dict[str, LatencyState]
    first_ns: int | None
    last_ns: int


class StreamTiming:
    """Durations of one stream; times are the wall clock's, ns since the epoch.

    Attributes:
        latency: Capture to results.
        work: Each stage's work on a frame.
        first_ns: When the first frame was captured; None before it.
    """

    def __init__(self) -> None:
        self.latency = LatencyHistogram()
        self.work: defaultdict[str, LatencyHistogram] = defaultdict(LatencyHistogram)
        self.first_ns: int | None = None
        self._last_ns = 0

    def add(self, captured_ns: int, work_ns: Mapping[str, int], now_ns: int) -> None:
        """Adds a frame whose results are written."""
        for stage, ns in work_ns.items():
            self.work[stage].add(ns)
        self.latency.add(now_ns - captured_ns)
        if self.first_ns is None:
            self.first_ns = captured_ns
        self._last_ns = now_ns

    @property
    def seconds(self) -> float:
        """From the first frame's capture to the latest one's results."""
        return 0.0 if self.first_ns is None else (self._last_ns - self.first_ns) / 1e9

    @property
    def fps(self) -> float | None:
        """Frames per second over that time; None where no time passed."""
        return len(self.latency) / self.seconds if self.seconds > 0 else None

    def state(self) -> TimingState:
        """Everything that `restore` needs."""
        work = {stage: histogram.state() for stage, histogram in self.work.items()}
        return TimingState(self.latency.state(), work, self.first_ns, self._last_ns)

    def restore(self, state: TimingState) -> None:
        """Continues from ``state``."""
        self.latency.restore(state.latency)
        for stage, work in state.work.items():
            self.work[stage].restore(work)
        self.first_ns, self._last_ns = state.first_ns, state.last_ns
