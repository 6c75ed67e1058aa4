"""The state of a run under way, which ``spotstream top`` shows and Prometheus reads."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.config import SinkConfig
from pipeline.geometry import shapes_of
from pipeline.reports import LATENCY_BOUNDS_MS, Durations, Snapshot, StreamMetrics
from pipeline.supervision.latest import Latest
from pipeline.supervision.overview import StreamState, StreamView
from pipeline.transport.logbook import Logbook, SharedNumber
from stages.measurements import Counts, ZoneCounts

_SILENT_SECONDS = 3.0  # a stream without a written frame for this long counts as silent
_STUCK_SECONDS = 10.0
_KEPT_SECONDS = 600.0  # by then Prometheus has read the final metrics of a stream
_ZEROS = StreamMetrics(
    frames=0,
    dropped={},
    connections=0,
    durations={"latency": Durations([0] * len(LATENCY_BOUNDS_MS), 0, 0.0)},
)


@dataclass(frozen=True, slots=True)
class StreamUnderWay:
    """A stream under way: its latest metrics, the time of the latest frame, its rate."""

    logbook: Logbook
    metrics: StreamMetrics
    wrote: float = -math.inf
    fps: float = 0.0

    @property
    def decoded(self) -> int:
        """How many frames have a sequence number."""
        return self.logbook[SharedNumber.SEQUENCE]

    @property
    def recording_is_stuck(self) -> bool:
        """Whether the recording cannot be written."""
        return bool(self.logbook[SharedNumber.RECORDING_STUCK])


@dataclass(frozen=True, slots=True)
class EndedStream:
    """The final metrics of a stream, how many frames had a sequence number, and when it ended."""

    metrics: StreamMetrics
    decoded: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Counts of a run at one moment, but for the numbers in logbooks, which are read when used.

    Attributes:
        ended: Each stream that has ended recently.
        under_way: Each stream under way.
        up: Those of which frames are being written.
        batches: Number of batches by size, over all detectors.
        restarts: Number of restarts of each process, by its role and its stream, see
            `StageProcess`.
        failures: Number of times an error ended each stream; see `RunMonitor.forget_failures`.
    """

    ended: Mapping[str, EndedStream]
    under_way: Mapping[str, StreamUnderWay]
    up: frozenset[str]
    batches: Mapping[int, int]
    restarts: Mapping[tuple[str, str], int]
    failures: Mapping[str, int]


def _is_behind(metrics: StreamMetrics, before: StreamMetrics) -> bool:
    return metrics.frames < before.frames or any(
        stage in metrics.durations and metrics.durations[stage].count < earlier.count
        for stage, earlier in before.durations.items()
    )


class RunMonitor:
    """Keeps the workers' latest reports.

    `counts`, `picture` and `is_loop_running` may be called from any thread.

    A stream is included from its beginning, whether its source is reached or not. Memory is
    bounded, however many streams are added and removed: the metrics of an ended stream are kept for
    ten minutes, and failures for the latest hundred streams that failed.

    Args:
        clock: Returns a monotonic time in seconds.
        sink: Its lines and zones are included from the beginning of their stream, too.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, sink: SinkConfig | None = None
    ) -> None:
        self._clock = clock
        self._sink = sink or SinkConfig()
        self._beat = clock()
        self._streams: dict[str, StreamUnderWay] = {}
        self._ended: dict[str, EndedStream] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._batches: dict[int, dict[int, int]] = {}  # by detector
        self._past_batches: Counter[int] = Counter()  # of detectors that were replaced
        self._restarts: dict[tuple[str, str], int] = {}
        self._failures: Latest[int] = Latest()
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Records an iteration of the supervisor's loop."""
        self._beat = self._clock()

    @property
    def is_loop_running(self) -> bool:
        """Whether the supervisor's loop has iterated recently."""
        return self._clock() - self._beat < _STUCK_SECONDS

    def begun(self, name: str, logbook: Logbook) -> None:
        """Records that a stream has begun, for the first time or again."""
        lines, zones = shapes_of(self._sink.lines, name), shapes_of(self._sink.zones, name)
        zeros = msgspec.structs.replace(
            _ZEROS,
            crossings=dict.fromkeys(lines, Counts()),
            zones=dict.fromkeys(zones, ZoneCounts()),
        )
        with self._lock:
            self._ended.pop(name, None)
            self._streams[name] = StreamUnderWay(logbook, zeros)

    def record_metrics(self, name: str, metrics: StreamMetrics) -> None:
        """Records the metrics that the sink reported for a stream under way.

        A new sink first repeats work that its predecessor had not saved. Until it has caught up,
        nothing is recorded, so that counters do not go back. The frame rate is computed from the
        times in the reports, as several of them may have waited for a busy supervisor.
        """
        with self._lock:
            before = self._streams[name]
            if _is_behind(metrics, before.metrics):
                return
            written = metrics.frames - before.metrics.frames
            wrote, fps = before.wrote, before.fps
            if written:
                fps = written / (metrics.at - wrote) if metrics.at > wrote else 0.0
                wrote = metrics.at
            self._streams[name] = StreamUnderWay(before.logbook, metrics, wrote, fps)

    def record_picture(self, snapshot: Snapshot) -> None:
        """Records the latest picture of a stream under way."""
        self._snapshots[snapshot.stream] = snapshot

    def picture(self, name: str) -> bytes | None:
        """Returns the latest picture of a stream under way as a JPEG, None before the first."""
        snapshot = self._snapshots.get(name)
        return snapshot.jpeg if snapshot else None

    def detector_began(self, detector: int) -> None:
        """Records that a detector, the first one or its replacement, starts counting from 0."""
        with self._lock:
            self._past_batches.update(self._batches.pop(detector, {}))

    def record_batches(self, detector: int, counts: dict[int, int]) -> None:
        """Records the number of batches by size that a detector has counted since it began."""
        with self._lock:
            self._batches[detector] = counts

    def started(self, role: str, stream: str, restarts: int) -> None:
        """Records that a process was started, for the first time or again; see `StageProcess`."""
        with self._lock:
            self._restarts[role, stream] = restarts

    def failed(self, name: str) -> None:
        """Records that an error ended a stream."""
        with self._lock:
            self._failures[name] = self._failures.get(name, 0) + 1

    def forget_failures(self, name: str) -> None:
        """Forgets the errors that ended a stream, which was added again or removed."""
        with self._lock:
            self._failures.pop(name, None)

    def ended(self, name: str) -> None:
        """Records that a stream has ended."""
        with self._lock:
            self._forget_old()
            self._snapshots.pop(name, None)
            stream = self._streams.pop(name)
            self._ended[name] = EndedStream(stream.metrics, stream.decoded, self._clock())

    def _forget_old(self) -> None:
        for name, stream in list(self._ended.items()):
            if self._clock() - stream.at > _KEPT_SECONDS:
                del self._ended[name]
                self._restarts.pop(("decoder", name), None)

    def _is_up(self, stream: StreamUnderWay) -> bool:
        return self._clock() - stream.wrote <= _SILENT_SECONDS

    def view(self, name: str, source: str, *, stopping: bool = False) -> StreamView:
        """Returns the view of a stream that is under way or waits for its turn."""
        stream = self._streams.get(name)
        if stream is None:
            return StreamView(name=name, source=source, state="waiting")
        up, metrics = self._is_up(stream), stream.metrics
        snapshot = self._snapshots.get(name)
        begun: StreamState = "running" if up else "silent"
        return StreamView(
            name=name,
            source=source,
            state="stopping" if stopping else begun if metrics.frames else "connecting",
            frames=metrics.frames,
            frame_size=snapshot.frame_size if snapshot else None,
            fps=stream.fps if up else 0.0,
            latency_ms=metrics.recent_latency_ms,
            dropped=sum(metrics.dropped.values()),
            reconnects=max(0, metrics.connections - 1),
            left_out_of_overlay=metrics.left_out_of_overlay,
            not_received=metrics.not_received,
            overlay_is_stuck=metrics.overlay_is_stuck,
            overlay_is_unsent=metrics.overlay_is_unsent,
            recording_is_stuck=stream.recording_is_stuck,
            crossings=metrics.crossings,
            zones=metrics.zones,
        )

    def counts(self) -> RunCounts:
        """Returns the counts of all streams and processes."""
        with self._lock:
            self._forget_old()
            batches = self._past_batches.copy()
            for counts in self._batches.values():
                batches.update(counts)
            return RunCounts(
                ended=dict(self._ended),
                under_way=dict(self._streams),
                up=frozenset(name for name, each in self._streams.items() if self._is_up(each)),
                batches=batches,
                restarts=dict(self._restarts),
                failures=dict(self._failures),
            )
