"""What a worker process is told when it starts, and what it tells the supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

StageName = Literal["decoder", "detector", "tracker", "sink"]


class StreamPlan(msgspec.Struct, frozen=True):
    """One stream: where it comes from and the path of its frame ring."""

    name: str
    location: str
    layout: str
    frame_rate: str
    ring: str
    live: bool


class WorkerPlan(msgspec.Struct, frozen=True):
    """All that a worker needs; sent to its standard input as JSON.

    Attributes:
        stage: Which stage to run.
        config: A `RunConfig` as plain data.
        streams: All streams of the run.
        stream: Index of the decoder's own stream.
        output: Results folder.
        sockets: Folder of the ``ipc://`` sockets.
        about: Versions and the command, for ``run.json``.
    """

    stage: StageName
    config: dict[str, Any]
    streams: list[StreamPlan]
    stream: int
    output: str
    sockets: str
    about: dict[str, Any]

    def endpoint(self, name: str) -> str:
        """ZeroMQ address of ``control``, ``detector``, ``tracker``, ``sink`` or ``ack-<n>``."""
        return endpoint(self.sockets, self.config["runtime"], name)


LATENCY_BOUNDS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2000, 5000, 10000)
"""Upper bounds of the buckets of `Durations`."""


class Durations(msgspec.Struct, frozen=True):
    """A histogram: how many durations lie under each of `LATENCY_BOUNDS_MS`, all, and their sum."""

    counts: list[int]
    count: int
    seconds: float


class Counters(msgspec.Struct, frozen=True):
    """How a stream goes since its start: frames written, drops by reason, connections, durations.

    ``waiting`` is how many frames waited to be sent when the latest one was; ``durations`` has each
    stage's work on a frame, and as ``latency`` the time from capture to results.
    """

    frames: int
    dropped: dict[str, int]
    epochs: int
    waiting: int
    durations: dict[str, Durations]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker reports.

    Attributes:
        kind: ``ready`` (may be sent frames), ``progress`` (``frames`` are written), ``notice``
            (``message`` is worth knowing), ``done`` (the stream's results are complete) or
            ``failed``.
        stage: Who reports.
        stream: Which stream, "" for none in particular.
        message: One line for people.
        exit_code: Of a failure.
        frames: Frames written so far.
        total: Frames to come, where known.
        work_ms: How long each stage works on a frame of late, by stage.
        summary: Of a finished stream.
        counters: Of the stream, about once a second.
        batches: Of the detector, about once a second: how many batches of which size.
    """

    kind: Literal["ready", "progress", "notice", "done", "failed"]
    stage: StageName
    stream: str = ""
    message: str = ""
    exit_code: int = 1
    frames: int = 0
    total: int | None = None
    work_ms: dict[str, float] = {}
    summary: dict[str, Any] = {}
    counters: Counters | None = None
    batches: dict[int, int] = {}


def endpoint(sockets: str, runtime: dict[str, Any], name: str) -> str:
    """ZeroMQ address of a named socket."""
    if runtime["transport"] == "ipc":
        return f"ipc://{Path(sockets) / name}"
    fixed = ["control", "detector", "tracker", "sink"]
    offset = fixed.index(name) if name in fixed else len(fixed) + int(name.removeprefix("ack-"))
    return f"tcp://127.0.0.1:{runtime['port'] + offset}"
