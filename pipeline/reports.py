"""What the processes of a run tell its supervisor."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from pipeline.plan import StageName

LATENCY_BOUNDS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2000, 5000, 10000)
"""Upper bounds of the buckets of `Durations`."""


class Durations(msgspec.Struct, frozen=True):
    """A histogram: how many durations lie under each of `LATENCY_BOUNDS_MS`, all, and their sum."""

    counts: list[int]
    count: int
    seconds: float


class StreamMetrics(msgspec.Struct, frozen=True):
    """How a stream goes since its start: frames written, drops by reason, connections, durations.

    ``connections`` are those to a live source, 0 of a file; ``durations`` has each stage's work on
    a frame, and as ``latency`` the time from capture to results; ``recent_latency_ms`` are the
    latter's p50, p95 and p99 over the latest frames.
    """

    frames: int
    dropped: dict[str, int]
    connections: int
    durations: dict[str, Durations]
    recent_latency_ms: tuple[float, ...] = ()


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How a finished stream went, see `stages.sink.report.StreamReport`.

    Attributes:
        frames: Frames in the results.
        tracks: How many different tracks were seen.
        status: ``complete``, ``interrupted``, ``truncated`` or ``incomplete``.
        dropped: Frames dropped, whatever the reason.
        behind: Those of them that were dropped because the stages were too slow.
        fps: Frames per second; None where no time passed.
        folder: Where the results are.
        files: Their names.
    """

    frames: int
    tracks: int
    status: str
    dropped: int
    behind: int
    fps: float | None
    folder: str
    files: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, tag_field="kind", tag=str.lower):
    """What a worker reports, tagged by its kind.

    Attributes:
        stage: Who reports.
        worker: Which of several detectors.
        stream: Which stream, "" for none in particular.
    """

    stage: StageName
    worker: int = 0
    stream: str = ""

    @property
    def kind(self) -> str:
        """The name of the class in small letters."""
        return str(self.__struct_config__.tag)


class Ready(Report, frozen=True):
    """May be sent frames."""


class Alive(Report, frozen=True):
    """Turns, and has nothing else to say."""


class Busy(Report, frozen=True):
    """May now say nothing for long."""


class Progress(Report, frozen=True, kw_only=True):
    """How a stream goes, of the sink.

    Attributes:
        frames: Frames written so far.
        total: Frames to come, where known.
        work_ms: How long each stage works on a frame of late, by stage.
        metrics: About once a second.
    """

    frames: int
    total: int | None
    work_ms: dict[str, float]
    metrics: StreamMetrics | None


class Batches(Report, frozen=True, kw_only=True):
    """How many batches of which size a detector has had."""

    counts: dict[int, int]


class Notice(Report, frozen=True, kw_only=True):
    """Something worth knowing, as one line for people."""

    message: str


class Completing(Report, frozen=True):
    """The stream has ended, its files are being completed."""


class Done(Report, frozen=True, kw_only=True):
    """The stream's results are complete.

    Attributes:
        message: One line for people, "" where there is nothing to say.
        summary: How it went.
        metrics: Its last.
    """

    message: str
    summary: StreamSummary
    metrics: StreamMetrics


class Failed(Report, frozen=True, kw_only=True):
    """Cannot go on, nor could another process: why, and the exit code of that."""

    message: str
    exit_code: int = 1


class Crashed(Report, frozen=True, kw_only=True):
    """Is about to die by an error in the program; another process may do better."""

    message: str


AnyReport: TypeAlias = (
    Ready | Alive | Busy | Progress | Batches | Notice | Completing | Done | Failed | Crashed
)
