"""The reports that the processes of a run send to its supervisor."""

from __future__ import annotations

import time
from typing import Literal, TypeAlias

import msgspec

from pipeline.plan import StageName
from stages.measurements import Counts, ZoneCounts
from stages.records import DropReason
from stages.result_files import StreamStatus

LATENCY_BOUNDS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2000, 5000, 10000)
"""Upper bounds of the buckets of `Durations`."""

NoticeEvent: TypeAlias = Literal["notice", "restart", "disconnected", "reconnected"]


class Durations(msgspec.Struct, frozen=True):
    """A histogram: cumulative counts up to each of `LATENCY_BOUNDS_MS`, the total, and the sum."""

    counts: list[int]
    count: int
    seconds: float


class StreamMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of a stream since its start.

    Attributes:
        frames: Frames written.
        dropped: Dropped frames by reason.
        connections: Connections to a live source, 0 for a file.
        durations: Each stage's work per frame; under ``latency``, the time from capture to results.
        recent_latency_ms: p50, p95 and p99 of the latency over the latest frames.
        left_out_of_overlay: Frames written that the overlay lacks because it could not be written.
        not_received: Frames that a live source should have delivered, see `UnreceivedFrames`.
        overlay_is_stuck: Whether the overlay's frames currently do not reach the disk.
        overlay_is_unsent: Whether they should reach a media server and currently do not.
        crossings: How many vehicles have crossed each line.
        zones: How many vehicles have entered each zone, and how many are in it.
        tracks: Number of distinct tracks.
        at: Time of the metrics by `time.monotonic`, which is the same for all processes.
    """

    frames: int
    dropped: dict[DropReason, int]
    connections: int
    durations: dict[str, Durations]
    recent_latency_ms: tuple[float, ...] = ()
    left_out_of_overlay: int = 0
    not_received: int = 0
    overlay_is_stuck: bool = False
    overlay_is_unsent: bool = False
    crossings: dict[str, Counts] = {}
    zones: dict[str, ZoneCounts] = {}
    tracks: int = 0
    at: float = msgspec.field(default_factory=time.monotonic)


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a finished stream, see `stages.sink.report.StreamReport`.

    Attributes:
        frames: Frames in the results.
        tracks: Number of distinct tracks.
        status: How the source ended, or that frames are missing.
        dropped: Frames dropped, for any reason.
        behind: Those that were dropped because a stage was too slow.
        fps: Frames per second; None if no time passed.
        folder: Folder of the results.
        files: Names of the result files; only the first of a result in several parts.
        crossings: How many vehicles have crossed each line.
        zones: How many vehicles have entered each zone, and how many are in it.
    """

    frames: int
    tracks: int
    status: StreamStatus
    dropped: int
    behind: int
    fps: float | None
    folder: str
    files: tuple[str, ...]
    crossings: dict[str, Counts] = {}
    zones: dict[str, ZoneCounts] = {}


class Report(msgspec.Struct, frozen=True, tag_field="kind", tag=str.lower):
    """A worker's report, tagged by its kind.

    Attributes:
        stage: Stage that reports.
        worker: Index of the detector, 0 for the other stages.
        stream: Name of the stream, "" for none in particular.
    """

    stage: StageName
    worker: int = 0
    stream: str = ""

    @property
    def kind(self) -> str:
        """The class name in lower case."""
        return str(self.__struct_config__.tag)


class Ready(Report, frozen=True):
    """The process is ready to receive frames.

    Attributes:
        detected_by: What a detector computes detections with, human-readable.
    """

    detected_by: str = ""


class Alive(Report, frozen=True):
    """The process is alive, and has nothing else to report."""


class Snapshot(Report, frozen=True, kw_only=True):
    """A picture of what a stream shows now.

    Attributes:
        jpeg: The current frame, scaled down.
        frame_size: Width and height of the original frame, in pixels.
    """

    jpeg: bytes
    frame_size: tuple[int, int]


class Busy(Report, frozen=True):
    """The process may now report nothing for a long time."""


class Progress(Report, frozen=True, kw_only=True):
    """Progress of a stream, reported by the sink.

    Attributes:
        frames: Frames written so far.
        dropped: Frames dropped so far, for any reason.
        total: Frames in the whole stream, None if unknown.
        work_ms: Recent average processing time per frame in ms, by stage, without the first frame.
        metrics: Sent about once a second, otherwise None.
    """

    frames: int
    dropped: int
    total: int | None
    work_ms: dict[str, float]
    metrics: StreamMetrics | None


class Batches(Report, frozen=True, kw_only=True):
    """Number of batches a detector has processed, by batch size."""

    counts: dict[int, int]


class Notice(Report, frozen=True, kw_only=True):
    """A message for the user.

    Attributes:
        message: One human-readable line.
        event: Name of the event, for programs; "notice" if it has no name of its own.
    """

    message: str
    event: NoticeEvent = "notice"


class Completing(Report, frozen=True):
    """The stream has ended; its files are being completed."""


class Done(Report, frozen=True, kw_only=True):
    """The stream's results are complete.

    Attributes:
        message: One human-readable line, "" if there is nothing to report.
        summary: The stream's summary.
        metrics: The stream's final metrics.
    """

    message: str
    summary: StreamSummary
    metrics: StreamMetrics


class Failed(Report, frozen=True, kw_only=True):
    """Neither the process nor a successor can continue: the reason, and the exit code for it."""

    message: str
    exit_code: int = 1


class Crashed(Report, frozen=True, kw_only=True):
    """The process is about to die because of a program error; a successor may succeed."""

    message: str


AnyReport: TypeAlias = (
    Ready
    | Alive
    | Snapshot
    | Busy
    | Progress
    | Batches
    | Notice
    | Completing
    | Done
    | Failed
    | Crashed
)
