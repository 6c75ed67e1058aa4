"""What a running pipeline tells Prometheus, and whether it is well."""

from __future__ import annotations

import collections
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from pipeline.reports import LATENCY_BOUNDS_MS, Durations, StreamMetrics
from pipeline.supervision.latest import Latest
from pipeline.supervision.overview import SILENT_SECONDS
from pipeline.transport.flow import BEHIND
from pipeline.transport.logbook import Logbook, SharedCounter
from stages.errors import ConfigError

_STUCK_SECONDS = 10.0
_KEPT_SECONDS = 600.0  # Prometheus has read by then what a stream came to
_ZEROS = StreamMetrics(0, {}, 0, {"latency": Durations([0] * len(LATENCY_BOUNDS_MS), 0, 0.0)})


class PipelineCollector(Collector):
    """The latest reports of all workers as metric families; every name is in `collect`.

    Every stream has series from its beginning, whether its source is reached or not. In bounded
    memory, however many streams come and go: the counters of one that has ended stay for ten
    minutes, failures those of the latest hundred streams.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streams: dict[str, StreamMetrics] = {}
        self._logbooks: dict[str, Logbook] = {}  # of streams under way
        self._wrote: dict[str, float] = {}  # when such a stream wrote a frame
        self._ended: dict[str, tuple[float, str]] = {}  # when, and the decoder's name
        self._batches: dict[int, dict[int, int]] = {}  # by detector
        self._restarts: dict[str, int] = {}
        self._failures: Latest[int] = Latest()
        self._lock = threading.Lock()

    def begun(self, stream: str, logbook: Logbook) -> None:
        """A stream was begun, for the first time or again."""
        with self._lock:
            self._streams[stream] = _ZEROS
            self._logbooks[stream] = logbook
            self._wrote[stream] = -math.inf
            self._ended.pop(stream, None)

    def take(self, stream: str, metrics: StreamMetrics) -> None:
        """Keeps what the sink reports of a stream under way."""
        with self._lock:
            if metrics.frames != self._streams[stream].frames:
                self._wrote[stream] = self._clock()
            self._streams[stream] = metrics

    def take_batches(self, detector: int, counts: dict[int, int]) -> None:
        """Keeps what a detector reports."""
        with self._lock:
            self._batches[detector] = counts

    def restarted(self, process: str, times: int) -> None:
        """A process was started again, so many times by now."""
        with self._lock:
            self._restarts[process] = times

    def failed(self, stream: str) -> None:
        """An error ended a stream."""
        with self._lock:
            self._failures[stream] = self._failures.get(stream, 0) + 1

    def ended(self, stream: str, decoder: str) -> None:
        """A stream has ended, whose decoder's process had that name."""
        with self._lock:
            self._forget_old()
            self._logbooks.pop(stream, None)
            self._wrote.pop(stream, None)
            self._ended[stream] = self._clock(), decoder

    def _forget_old(self) -> None:
        for stream, (when, decoder) in list(self._ended.items()):
            if self._clock() - when > _KEPT_SECONDS:
                del self._ended[stream]
                self._streams.pop(stream, None)
                self._restarts.pop(decoder, None)

    def collect(self) -> Iterator[Metric]:
        """All families, as `prometheus_client` asks for them."""
        with self._lock:
            self._forget_old()
            streams, detectors = dict(self._streams), list(self._batches.values())
            held = {name: log[SharedCounter.WAITING] for name, log in self._logbooks.items()}
            wrote = dict(self._wrote)
            times, failed = dict(self._restarts), dict(self._failures)
        frames = CounterMetricFamily("spotstream_frames", "Frames written.", labels=["stream"])
        dropped = CounterMetricFamily(
            "spotstream_dropped_frames", "Frames dropped.", labels=["stream", "reason"]
        )
        reconnects = CounterMetricFamily(
            "spotstream_reconnects", "Connections after the first.", labels=["stream"]
        )
        up = GaugeMetricFamily(
            "spotstream_stream_up", "1 while frames are written, 0 else.", labels=["stream"]
        )
        waiting = GaugeMetricFamily(
            "spotstream_waiting_frames", "Decoded and not yet sent.", labels=["stream"]
        )
        latency = HistogramMetricFamily(
            "spotstream_latency_seconds", "Capture to results.", labels=["stream"]
        )
        stages = HistogramMetricFamily(
            "spotstream_stage_seconds", "A stage's work on a frame.", labels=["stream", "stage"]
        )
        for stream, counters in streams.items():
            frames.add_metric([stream], counters.frames)
            for reason, count in ({BEHIND: 0} | counters.dropped).items():
                dropped.add_metric([stream, reason], count)
            reconnects.add_metric([stream], max(0, counters.connections - 1))
            for name, durations in counters.durations.items():
                if name == "latency":
                    _add(latency, [stream], durations)
                else:
                    _add(stages, [stream, name], durations)
        for stream, frames_held in held.items():
            up.add_metric([stream], self._clock() - wrote[stream] < SILENT_SECONDS)
            waiting.add_metric([stream], frames_held)
        restarts = CounterMetricFamily(
            "spotstream_restarts", "Processes started again.", labels=["process"]
        )
        for process, count in times.items():
            restarts.add_metric([process], count)
        failures = CounterMetricFamily(
            "spotstream_failed_streams", "Streams that an error ended.", labels=["stream"]
        )
        for stream, count in failed.items():
            failures.add_metric([stream], count)
        yield from (frames, dropped, reconnects, up, waiting, latency, stages, restarts, failures)
        sizes = HistogramMetricFamily("spotstream_batch_frames", "Frames in a detector's batch.")
        batches: collections.Counter[int] = collections.Counter()
        for counts in detectors:
            batches.update(counts)
        total, buckets = 0, []
        for size in sorted(batches):
            total += batches[size]
            buckets.append((str(float(size)), float(total)))
        sizes.add_metric(
            [],
            [*buckets, ("+Inf", float(total))],
            sum(size * count for size, count in batches.items()),
        )
        yield sizes


def _add(family: HistogramMetricFamily, labels: list[str], durations: Durations) -> None:
    buckets = [
        (str(bound / 1000), float(count))
        for bound, count in zip(LATENCY_BOUNDS_MS, durations.counts, strict=True)
    ]
    family.add_metric(labels, [*buckets, ("+Inf", float(durations.count))], durations.seconds)


class MetricsServer:
    """``/metrics``, ``/healthz`` (the supervisor turns) and ``/readyz`` (frames can be taken).

    Args:
        address: ``HOST:PORT``; port 0 takes a free one.
        ready: Whether all stages are ready.

    Raises:
        ConfigError: The address cannot be listened on.
    """

    def __init__(self, address: str, ready: Callable[[], bool]) -> None:
        self.collector = PipelineCollector()
        registry = CollectorRegistry()
        registry.register(self.collector)
        self._beat = time.monotonic()

        def answer(path: str) -> tuple[int, str, bytes]:
            if path == "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
            well = {"/healthz": self._turns, "/readyz": lambda: self._turns() and ready()}
            if path not in well:
                return 404, "text/plain", b"try /metrics, /healthz or /readyz\n"
            return (200, "text/plain", b"ok\n") if well[path]() else (503, "text/plain", b"no\n")

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                code, kind, body = answer(self.path.partition("?")[0])
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: a scrape is no event."""

        host, _, port = address.rpartition(":")
        host = host.strip("[]")

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        try:
            self._server = Server((host, int(port)), Handler)
        except OSError as error:
            raise ConfigError(f"runtime.metrics: cannot listen on {address}: {error}") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def beat(self) -> None:
        """The supervisor's loop has come round."""
        self._beat = time.monotonic()

    def _turns(self) -> bool:
        return time.monotonic() - self._beat < _STUCK_SECONDS

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
