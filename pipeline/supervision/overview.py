"""How a running pipeline goes, at a glance."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pipeline.reports import StreamMetrics

SILENT_SECONDS = 3.0
"""A stream of which no frame is written for so long gives none."""


class StreamView(msgspec.Struct, frozen=True):
    """A stream.

    Attributes:
        name: Its name.
        source: Where it comes from, credentials removed.
        state: ``waiting`` (for its turn), ``connecting`` (no frame yet), ``running``, ``silent``
            (no frame of late), ``stopping`` or ``failed``.
        frames: Frames written.
        fps: Frames per second of late.
        latency_ms: Capture to results of late: p50, p95, p99; empty where there was no frame.
        dropped: Frames dropped.
        reconnects: Connections after the first.
        error: Why it failed.
    """

    name: str
    source: str
    state: str
    frames: int = 0
    fps: float = 0.0
    latency_ms: tuple[float, ...] = ()
    dropped: int = 0
    reconnects: int = 0
    error: str = ""


class ProcessView(msgspec.Struct, frozen=True):
    """A stage's process: name, id (0 where none runs), state, and how often it was restarted."""

    name: str
    pid: int
    state: str
    restarts: int


class Overview(msgspec.Struct, frozen=True):
    """A pipeline.

    Attributes:
        pid: Process id of its supervisor.
        output: Its results folder.
        seconds: How long it has been running.
        streams: Its streams.
        processes: Its processes.
    """

    pid: int
    output: str
    seconds: float
    streams: list[StreamView]
    processes: list[ProcessView]


@dataclass(slots=True)
class _Rate:
    metrics: StreamMetrics
    at: float
    wrote: float  # when a frame was written
    fps: float = 0.0


class StreamMonitor:
    """Keeps the latest metrics of each stream, and how fast they move."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[str, _Rate] = {}

    def take(self, stream: str, metrics: StreamMetrics) -> None:
        """Takes what the sink reports of a stream."""
        now = self._clock()
        before = self._rates.get(stream)
        fps, wrote = 0.0, now
        if before is not None and now > before.at:
            written = metrics.frames - before.metrics.frames
            fps = written / (now - before.at)
            wrote = now if written else before.wrote
        self._rates[stream] = _Rate(metrics, now, wrote, fps)

    def forget(self, stream: str) -> None:
        """The stream has ended."""
        self._rates.pop(stream, None)

    def view(self, name: str, source: str, *, waiting: bool, stopping: bool) -> StreamView:
        """How a stream goes."""
        rate = self._rates.get(name)
        if rate is None:
            state = "waiting" if waiting else "stopping" if stopping else "connecting"
            return StreamView(name, source, state)
        silent = self._clock() - rate.wrote > SILENT_SECONDS
        metrics = rate.metrics
        begun = "silent" if silent else "running"
        return StreamView(
            name,
            source,
            "stopping" if stopping else begun if metrics.frames else "connecting",
            metrics.frames,
            0.0 if silent else rate.fps,
            metrics.recent_latency_ms,
            sum(metrics.dropped.values()),
            max(0, metrics.connections - 1),
        )
