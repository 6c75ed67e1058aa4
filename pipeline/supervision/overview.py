"""How a running pipeline goes, at a glance."""

from __future__ import annotations

import msgspec


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
