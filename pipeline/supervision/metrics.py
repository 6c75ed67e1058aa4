"""Prometheus metrics and health checks of a running pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from pipeline.release import installed_release
from pipeline.reports import LATENCY_BOUNDS_MS, Durations
from pipeline.supervision.http_server import Answer, HttpServer
from pipeline.supervision.monitor import EndedStream, RunCounts, RunMonitor, StreamUnderWay
from pipeline.transport.logbook import SharedNumber
from stages.records import DropReason

_HEALTH_CHECKS = ("/healthz", "/readyz")


class PipelineCollector(Collector):
    """A monitor's counts as metric families."""

    def __init__(self, monitor: RunMonitor) -> None:
        self._monitor = monitor
        self._version = installed_release()  # an upgrade may happen during the run

    def collect(self) -> Iterator[Metric]:
        """Yields all metric families, as `prometheus_client` requires."""
        counts = self._monitor.counts()
        yield from _of_streams(counts)
        yield from _of_processes(counts)
        yield InfoMetricFamily("spotstream_build", "The program.", {"version": self._version})


def _of_streams(counts: RunCounts) -> Iterator[Metric]:
    frames = _counter("spotstream_frames", "Frames written.")
    decoded = _counter(
        "spotstream_decoded_frames", "Frames decoded, including frames dropped later."
    )
    latest = _gauge(
        "spotstream_last_frame_timestamp_seconds", "When the latest frame was captured."
    )
    dropped = _counter("spotstream_dropped_frames", "Frames dropped.", "reason")
    not_received = _counter(
        "spotstream_not_received_frames", "Frames missing from a live source, by its steady rate."
    )
    reconnects = _counter("spotstream_reconnects", "Connections after the first.")
    up = _gauge("spotstream_stream_up", "1 while frames are written, otherwise 0.")
    waiting = _gauge("spotstream_waiting_frames", "Frames decoded and not yet sent.")
    stuck = _gauge(
        "spotstream_overlay_stuck", "1 while the overlay does not reach the disk, otherwise 0."
    )
    unsent = _gauge(
        "spotstream_overlay_unsent",
        "1 while the overlay does not reach its media server, otherwise 0.",
    )
    left_out = _counter(
        "spotstream_overlay_left_out_frames", "Frames written that are missing from the overlay."
    )
    unrecorded = _gauge(
        "spotstream_recording_stuck", "1 while the recording cannot be written, otherwise 0."
    )
    tracks = _counter("spotstream_tracks", "Different tracks.")
    crossings = _counter(
        "spotstream_crossings", "Vehicles that crossed a line.", "line", "direction"
    )
    entries = _counter("spotstream_zone_entries", "Vehicles that entered a zone.", "zone")
    inside = _gauge("spotstream_zone_vehicles", "Vehicles in a zone.", "zone")
    latency = HistogramMetricFamily(
        "spotstream_latency_seconds", "Time from capture to results.", labels=["stream"]
    )
    stages = HistogramMetricFamily(
        "spotstream_stage_seconds", "Time a stage works on a frame.", labels=["stream", "stage"]
    )
    failures = _counter("spotstream_failed_streams", "Streams that an error ended.")
    streams: Mapping[str, EndedStream | StreamUnderWay] = {**counts.ended, **counts.under_way}
    for stream, stream_counts in streams.items():
        metrics = stream_counts.metrics
        frames.add_metric([stream], metrics.frames)
        decoded.add_metric([stream], stream_counts.decoded)
        tracks.add_metric([stream], metrics.tracks)
        for reason, count in (dict.fromkeys(DropReason, 0) | metrics.dropped).items():
            dropped.add_metric([stream, reason], count)
        reconnects.add_metric([stream], max(0, metrics.connections - 1))
        not_received.add_metric([stream], metrics.not_received)
        left_out.add_metric([stream], metrics.left_out_of_overlay)
        for line, counted in metrics.crossings.items():
            for direction, count in counted._asdict().items():
                crossings.add_metric([stream, line, direction], count)
        for zone, (entered, _) in metrics.zones.items():
            entries.add_metric([stream, zone], entered)
        for name, durations in metrics.durations.items():
            if name == "latency":
                _add(latency, [stream], durations)
            else:
                _add(stages, [stream, name], durations)
    for stream, now in counts.under_way.items():
        up.add_metric([stream], stream in counts.up)
        latest.add_metric([stream], now.logbook[SharedNumber.CAPTURED_NS] / 1e9)
        waiting.add_metric([stream], now.logbook[SharedNumber.WAITING])
        stuck.add_metric([stream], now.metrics.overlay_is_stuck)
        unsent.add_metric([stream], now.metrics.overlay_is_unsent)
        unrecorded.add_metric([stream], now.recording_is_stuck)
        if stream in counts.up:
            for zone, (_, count) in now.metrics.zones.items():
                inside.add_metric([stream, zone], count)
    # Prometheus sees no increase in a series that first appears with 1.
    for stream, count in (dict.fromkeys(streams, 0) | dict(counts.failures)).items():
        failures.add_metric([stream], count)
    yield from (frames, decoded, latest, dropped, not_received, reconnects, up, waiting)
    yield from (stuck, unsent, left_out, unrecorded, tracks, crossings, entries, inside)
    yield from (latency, stages, failures)


def _of_processes(counts: RunCounts) -> Iterator[Metric]:
    restarts = CounterMetricFamily(
        "spotstream_restarts", "Process restarts.", labels=["process", "stream"]
    )
    for (process, stream), count in counts.restarts.items():
        restarts.add_metric([process, stream], count)
    yield restarts
    sizes = HistogramMetricFamily("spotstream_batch_frames", "Frames in a detector's batch.")
    total, buckets = 0, []
    for size, count in sorted(counts.batches.items()):
        total += count
        buckets.append((str(float(size)), float(total)))
    sizes.add_metric(
        [],
        [*buckets, ("+Inf", float(total))],
        sum(size * count for size, count in counts.batches.items()),
    )
    yield sizes


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, labels=["stream", *labels])


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["stream", *labels])


def _add(family: HistogramMetricFamily, labels: list[str], durations: Durations) -> None:
    buckets = [
        (str(bound / 1000), float(count))
        for bound, count in zip(LATENCY_BOUNDS_MS, durations.counts, strict=True)
    ]
    family.add_metric(labels, [*buckets, ("+Inf", float(durations.count))], durations.seconds)


class MetricsServer(HttpServer):
    """Serves ``/metrics``, ``/healthz`` (the supervisor's loop runs), ``/readyz`` (stages run).

    Args:
        address: See `HttpServer`.
        monitor: The run's monitor.
        ready: Returns whether all stages are ready and the run was not asked to end.
        credentials: See `HttpServer`; needed for ``/metrics`` only, since the health checks of
            many orchestrators cannot give a password.

    Raises:
        ConfigError: The server cannot listen on the address.
    """

    def __init__(
        self,
        address: str,
        monitor: RunMonitor,
        ready: Callable[[], bool],
        credentials: bytes | None = None,
    ) -> None:
        registry = CollectorRegistry()
        registry.register(PipelineCollector(monitor))
        ProcessCollector(registry=registry)

        def answer(path: str) -> Answer:
            if path == "/metrics":
                return Answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            if path not in _HEALTH_CHECKS:
                return Answer(404, body=b"try /metrics, /healthz or /readyz\n")
            well = monitor.is_loop_running and (path == "/healthz" or ready())
            return Answer(200, body=b"ok\n") if well else Answer(503, body=b"no\n")

        super().__init__("runtime.metrics", address, answer, credentials, _HEALTH_CHECKS)
