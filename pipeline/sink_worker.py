"""The sink's process: writes results and gives frames back to their decoder."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from pipeline.config import RunConfig, SinkConfig
from pipeline.link import Inlet
from pipeline.messages import Envelope
from pipeline.plan import LATENCY_BOUNDS_MS, Counters, Durations, Status, WorkerPlan
from pipeline.ring import FrameRing
from stages.records import Dropped, EndOfStream, StreamStart, Tracks
from stages.sink.options import SinkOptions
from stages.sink.stream_sink import StreamSink

_PROGRESS_NS = 200_000_000
_COUNTERS_NS = 1_000_000_000
_AVERAGED_FRAMES = 20


def run_sink(plan: WorkerPlan, context: zmq.Context, report: Callable[[Status], None]) -> None:
    """Writes everything that comes in, until the process is ended; SIGTERM removes part files."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    streams: dict[str, _Stream] = {}
    inlet = Inlet(context, plan.endpoint("sink"))
    report(Status(kind="ready", stage="sink"))
    try:
        for envelope in inlet:
            record = envelope.record
            if isinstance(record, StreamStart):
                if record.stream not in streams:
                    streams[record.stream] = _Stream(plan, context, record.stream)
                streams[record.stream].start(record)
            elif isinstance(record, EndOfStream):
                ended = streams.pop(record.stream, None)
                if ended is not None:
                    report(ended.finish(record))
            elif isinstance(record, Dropped) and record.stream in streams:
                streams[record.stream].sink.dropped(record)
            elif isinstance(record, Tracks) and record.frame.stream in streams:
                progress = streams[record.frame.stream].write(record, envelope)
                if progress is not None:
                    report(progress)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # about to end anyway
        for stream in streams.values():
            stream.sink.abort()


def sink_options(config: SinkConfig) -> SinkOptions:
    """What a config asks of a `StreamSink`."""
    return SinkOptions(
        overlay=config.overlay,
        overlay_crf=config.overlay_crf,
        overlay_minutes=config.overlay_minutes,
        toolkit_files=config.toolkit_files,
    )


class _Stream:
    def __init__(self, plan: WorkerPlan, context: zmq.Context, name: str) -> None:
        config = RunConfig.model_validate(plan.config)
        number = next(i for i, stream in enumerate(plan.streams) if stream.name == name)
        self.name = name
        self.folder = Path(plan.output) / name
        self.sink = StreamSink(self.folder, sink_options(config.sink))
        self._run: dict[str, Any] = {**plan.about, "config": plan.config}
        self._overlay = config.sink.overlay
        self._ring_path = plan.streams[number].ring
        self._ring: FrameRing | None = None
        self._acks = context.socket(zmq.PUSH)
        self._acks.connect(plan.endpoint(f"ack-{number}"))
        self._frames, self._total = 0, None  # type: int, int | None
        self._reported = 0
        self._counted = 0
        self._sink_ns = 0
        self._work_ns: dict[str, float] = {}  # moving averages

    def start(self, record: StreamStart) -> None:
        self._total = record.frame_count
        self.sink.start(record)

    def write(self, tracks: Tracks, envelope: Envelope) -> Status | None:
        started = time.monotonic_ns()
        pixels = envelope.pixels
        if pixels is None and envelope.slot is not None and self._overlay:
            if self._ring is None:
                self._ring = FrameRing(self._ring_path)
            pixels = self._ring.slot(envelope.slot, tracks.frame.shape)
        work = envelope.work_ns | ({"sink": self._sink_ns} if self._sink_ns else {})
        self.sink.write(tracks, pixels if self._overlay else None, work, time.time_ns())
        self._acks.send(tracks.frame.sequence.to_bytes(8, "little"))
        self._frames += 1
        now = time.monotonic_ns()
        self._sink_ns = now - started
        for stage, ns in work.items():
            before = self._work_ns.setdefault(stage, ns)
            self._work_ns[stage] += (ns - before) / _AVERAGED_FRAMES
        if now - self._reported < _PROGRESS_NS:
            return None
        self._reported = now
        counters = None
        if now - self._counted >= _COUNTERS_NS:
            self._counted = now
            counters = self._counters(envelope.waiting)
        return Status(
            kind="progress",
            stage="sink",
            stream=self.name,
            frames=self._frames,
            total=self._total,
            work_ms={stage: ns / 1e6 for stage, ns in self._work_ns.items()},
            counters=counters,
        )

    def _counters(self, waiting: int) -> Counters:
        now = self.sink.counters()
        durations = {
            name: Durations(
                histogram.cumulative([bound * 1_000_000 for bound in LATENCY_BOUNDS_MS]),
                len(histogram),
                histogram.total_ns / 1e9,
            )
            for name, histogram in {**now.stages, "latency": now.latency}.items()
        }
        return Counters(now.frames, now.dropped, now.epochs, waiting, durations)

    def finish(self, end: EndOfStream) -> Status:
        result = self.sink.finish(end, self._run)
        self._acks.close(linger=0)
        if self._ring is not None:
            self._ring.close()
        summary = {
            "frames": result.frames_out,
            "tracks": result.tracks,
            "status": result.status,
            "dropped": result.dropped_total,
            "fps": result.achieved_fps,
            "folder": str(self.folder),
        }
        return Status(
            kind="done",
            stage="sink",
            stream=self.name,
            message=result.message,
            frames=result.frames_out,
            summary=summary,
            counters=self._counters(0),
        )
