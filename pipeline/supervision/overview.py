"""The overview of a running pipeline."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from stages.measurements import Counts, ZoneCounts

StreamState: TypeAlias = Literal[
    "waiting",  # for its turn
    "connecting",  # no frame yet
    "running",
    "silent",  # no frame recently
    "stopping",
    "failed",
]
ProcessState: TypeAlias = Literal["starting", "ready", "waiting", "ended"]


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """A stream.

    Attributes:
        name: Its name.
        source: Its location, credentials removed.
        state: What it is doing.
        frames: Frames written.
        frame_size: Width and height in pixels of the frame that its picture shows; None without a
            picture.
        fps: Recent frames per second.
        latency_ms: Recent latency from capture to results (p50, p95, p99), empty before any frame.
        dropped: Frames dropped.
        reconnects: Connections after the first.
        error: Why it failed, "" if it has not.
        left_out_of_overlay: Frames written that its overlay lacks.
        not_received: Frames that a live source should have delivered.
        overlay_is_stuck: Whether its overlay's frames currently do not reach the disk.
        overlay_is_unsent: Whether they should reach a media server and currently do not.
        recording_is_stuck: Whether its recording currently cannot be written.
        crossings: How many vehicles have crossed each line.
        zones: How many vehicles have entered each zone, and how many are in it.
    """

    name: str
    source: str
    state: StreamState
    frames: int = 0
    frame_size: tuple[int, int] | None = None
    fps: float = 0.0
    latency_ms: tuple[float, ...] = ()
    dropped: int = 0
    reconnects: int = 0
    error: str = ""
    left_out_of_overlay: int = 0
    not_received: int = 0
    overlay_is_stuck: bool = False
    overlay_is_unsent: bool = False
    recording_is_stuck: bool = False
    crossings: dict[str, Counts] = {}
    zones: dict[str, ZoneCounts] = {}


class ProcessView(msgspec.Struct, frozen=True):
    """A stage's process: name, process id (0 if none runs), state, and number of restarts."""

    name: str
    pid: int
    state: ProcessState
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
