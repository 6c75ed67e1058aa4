"""The sink's progress reports on a running stream."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping

from pipeline.reports import LATENCY_BOUNDS_MS, Durations, Progress, StreamMetrics
from pipeline.transport.logbook import Logbook, SharedNumber
from stages.sink.report import PERCENTILES
from stages.sink.stream_results import StreamResults

_PROGRESS_NS = 200_000_000
_METRICS_NS = 1_000_000_000
_AVERAGED_FRAMES = 20
_RECENT_FRAMES = 250


class SinkProgress:
    """Reports the progress of a stream, at most five times a second, with metrics once a second.

    Args:
        results: Results of the stream.
        logbook: Logbook of the stream.
        report: Receives the reports.
    """

    def __init__(
        self, results: StreamResults, logbook: Logbook, report: Callable[[Progress], None]
    ) -> None:
        self._results = results
        self._logbook = logbook
        self._report = report
        self._reported = 0
        self._measured = 0
        self._has_news = False  # whether anything arrived since the latest metrics
        self._overlay_is_stuck = self._overlay_is_unsent = False
        self._work_ns: dict[str, float] = {}  # moving averages
        self._frames: Counter[str] = Counter()  # frames that a stage worked on, by stage
        self._latencies: deque[int] = deque(maxlen=_RECENT_FRAMES)

    def received(self) -> None:
        """Records that something has arrived, for `tick` to report."""
        self._has_news = True

    def repeated(self, latency_ns: int, work_ns: Mapping[str, int]) -> None:
        """Does the same as `wrote` for a frame that an earlier sink received; reports nothing."""
        self._latencies.append(latency_ns)
        for stage, ns in work_ns.items():
            before = self._work_ns.setdefault(stage, ns)
            # The first frame does not count once there is another: it warms up the model.
            averaged = min(max(self._frames[stage], 1), _AVERAGED_FRAMES)
            self._work_ns[stage] += (ns - before) / averaged
            self._frames[stage] += 1

    def wrote(self, latency_ns: int, work_ns: Mapping[str, int]) -> None:
        """Records that a frame was written, its latency since capture, and each stage's work."""
        self.repeated(latency_ns, work_ns)
        now = time.monotonic_ns()
        if now - self._reported >= _PROGRESS_NS:
            self._send(now)

    def tick(self, *, overlay_is_stuck: bool, overlay_is_unsent: bool = False) -> None:
        """Reports news that no later frame has caused to be reported; call it once a second."""
        before = self._overlay_is_stuck, self._overlay_is_unsent
        self._overlay_is_stuck, self._overlay_is_unsent = overlay_is_stuck, overlay_is_unsent
        self._has_news |= before != (overlay_is_stuck, overlay_is_unsent)
        now = time.monotonic_ns()
        if self._has_news and now - self._measured >= _METRICS_NS:
            self._send(now)

    def end(self) -> None:
        """Reports the final progress of a stream that fails."""
        self._send(time.monotonic_ns(), measured=True)

    def metrics(self) -> StreamMetrics:
        """Returns the metrics of the stream since its start."""
        timing, ledger = self._results.timing, self._results.ledger
        durations = {
            name: Durations(
                histogram.cumulative([bound * 1_000_000 for bound in LATENCY_BOUNDS_MS]),
                len(histogram),
                histogram.total_ns / 1e9,
            )
            for name, histogram in {**timing.work, "latency": timing.latency}.items()
        }
        recent = sorted(self._latencies)
        return StreamMetrics(
            frames=ledger.written,
            dropped=dict(ledger.dropped),
            connections=self._logbook[SharedNumber.CONNECTIONS],
            durations=durations,
            recent_latency_ms=tuple(
                recent[math.ceil(len(recent) * p / 100) - 1] / 1e6 for p in PERCENTILES if recent
            ),
            left_out_of_overlay=self._results.overlays.left_out,
            not_received=self._logbook[SharedNumber.NOT_RECEIVED],
            overlay_is_stuck=self._overlay_is_stuck,
            overlay_is_unsent=self._overlay_is_unsent,
            crossings=dict(self._results.counting.crossings.counts),
            zones=dict(self._results.counting.zones.counts),
            tracks=ledger.tracks,
        )

    def _send(self, now: int, *, measured: bool = False) -> None:
        self._reported = now
        start, metrics = self._results.latest_start, None
        if measured or now - self._measured >= _METRICS_NS:
            self._measured, self._has_news = now, False
            metrics = self.metrics()
        self._report(
            Progress(
                "sink",
                stream=self._logbook.stream,
                frames=self._results.ledger.written,
                dropped=self._results.ledger.dropped_total,
                total=start.frame_count if start else None,
                work_ms={stage: ns / 1e6 for stage, ns in self._work_ns.items()},
                metrics=metrics,
            )
        )
