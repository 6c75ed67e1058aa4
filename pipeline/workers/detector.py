"""The detector's process."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

import msgspec
import numpy as np
import zmq
from msgspec import structs

from pipeline.detectors import Detector, build_detector
from pipeline.geometry import EVERY_STREAM, ignored_in
from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Batches, Failed, Notice, Ready
from pipeline.transport.background_link import BackgroundLink
from pipeline.transport.direct_link import DirectLink
from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import MessageError, encode
from pipeline.transport.ring import FrameRing
from pipeline.workers.batching import batches
from pipeline.workers.pixels import pixels_of
from pipeline.workers.streams import Streams
from stages.detector.compute_threads import ComputeThreads
from stages.detector.ignored import outside
from stages.errors import ConfigError, SpotStreamError
from stages.records import (
    Detections,
    Float32Array,
    Frame,
    StreamStart,
)

_REPORT_SECONDS = 1.0
_ALIVE_SECONDS = 0.5
_MAX_REFUSED = 1000


def run_detector(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Runs the detector on every incoming frame, until the process is ended."""
    _Worker(plan, context, report).run()


class _Worker:
    """Receives messages, runs the detector on their frames and sends them on."""

    def __init__(self, plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
        config = plan.config.detector
        self._plan = plan
        self._report = report
        self._streams = Streams(plan, lambda channel, logbook: _Stream(plan, channel, logbook))
        self._detector = build_detector(config, plan.worker)
        self._ignored = {
            name: np.array(ignored_in(config.ignored, name), np.float32).reshape(-1, 4)
            for name in (EVERY_STREAM, *config.ignored)
        }
        self._threads = None if config.batch_size else self._detector.compute_threads
        if config.detections is not None:  # whose errors concern one stream
            self._size = 1
        else:
            self._size = config.batch_size or (1 if self._threads else self._detector.batch_size)
        # Channels of the latest streams that cannot be computed; earlier ones send no more.
        self._refused: deque[int] = deque(maxlen=_MAX_REFUSED)
        self._failures: SimpleQueue[tuple[int, Failed]] = SimpleQueue()  # from any thread
        self._has_waited = False  # whether the latest message arrived before it was asked for
        self._link = self._open_link(context)
        silence = plan.config.runtime.silence_seconds
        self._progress = _Progress(report, self._threads, silence)

    def _open_link(self, context: zmq.Context) -> DirectLink | BackgroundLink:
        plan, streams = self._plan, self._streams
        source, target = plan.endpoint(f"detector-{plan.worker}"), plan.endpoint("tracker")
        copy = plan.config.runtime.frames == "shared"
        kind = (
            DirectLink if self._detector.is_immediate else partial(BackgroundLink, ahead=self._size)
        )
        return kind(context, source, target, self._prepare, streams.close_ended, copy=copy)

    def run(self) -> None:
        """Runs until the process is ended."""
        with self._link:
            now, before = self._detector.description, self._plan.detected_by
            self._report(Ready("detector", detected_by=now))
            if before not in ("", now):
                message = f"detections are made by {now} from here on; before, by {before}"
                self._report(Notice("detector", message=message))
            wait = self._plan.config.detector.batch_wait_ms / 1000
            for batch in batches(self._receive, self._size, wait):
                self._take(batch)

    def _prepare(self, envelope: Envelope) -> Envelope | None:
        stream = self._streams.find(envelope)
        return None if stream is None else stream.with_pixels(envelope)

    def _receive(self, timeout: float | None) -> Envelope | None:
        self._refuse_failed()
        self._progress.report()
        self._has_waited = self._threads is not None and self._link.pending
        return self._link.receive(_ALIVE_SECONDS if timeout is None else timeout)

    def _take(self, batch: list[Envelope]) -> None:
        batch[:] = [each for each in batch if each.channel not in self._refused]
        if not batch:
            return
        if isinstance(batch[0].record, Frame):
            self._compute(batch)
        else:
            self._pass_on(batch[0])

    def _refuse_failed(self) -> None:
        """Reports streams that cannot be computed, once each; `_take` ignores their records."""
        while not self._failures.empty():
            channel, failure = self._failures.get()
            if channel not in self._refused:
                self._refused.append(channel)
                self._report(failure)

    def _pass_on(self, envelope: Envelope) -> None:
        """Sends a record other than a frame; the start of a stream gets the detector's details."""
        record = envelope.record
        if isinstance(record, StreamStart):
            try:
                warnings = self._detector.warnings(record)
            except ConfigError as error:
                self._fail(envelope, error)
                return
            for warning in warnings:
                self._report(Notice("detector", stream=record.stream, message=warning))
            record = replace(
                record,
                detector=self._detector.name,
                class_names=self._detector.class_names,
                detected_by=self._detector.description,
            )
        self._link.send([structs.replace(envelope, record=record)])

    def _compute(self, batch: list[Envelope]) -> None:
        threads = self._threads
        self._progress.counts[len(batch)] += 1
        # A frame that arrives alone gets all cores.
        if threads and (self._has_waited or threads.running() is not None):
            while not threads.wait(_ALIVE_SECONDS):
                self._progress.report()
            threads.start(partial(self._finish, batch, threads.count))
        else:
            self._finish(batch)

    def _finish(self, batch: list[Envelope], concurrent_calls: int = 1) -> None:
        """Sends the detections in a batch of frames; runs in any thread.

        If a stream cannot be computed, the frames of the others are computed one by one.
        """
        beside = concurrent_calls * self._plan.config.detector.workers
        try:
            self._link.send(_results(self._detector, self._ignored, batch, beside))
        except ConfigError as error:  # of one stream: its detection file, or its frames' size
            if len(batch) > 1:
                for envelope in batch:
                    self._finish([envelope], concurrent_calls)
            else:
                self._fail(batch[0], error)
        batch.clear()  # otherwise rings of streams that end meanwhile would stay mapped

    def _fail(self, envelope: Envelope, error: ConfigError) -> None:
        code = error.exit_code
        failure = Failed("detector", stream=envelope.stream, message=str(error), exit_code=code)
        self._failures.put((envelope.channel, failure))


class _Progress:
    """Reports to the supervisor that the process is alive and, once a second, the batch sizes.

    Attributes:
        counts: Number of batches by their number of frames.
    """

    def __init__(
        self, report: Reporter, threads: ComputeThreads | None, silence_seconds: float
    ) -> None:
        self.counts: Counter[int] = Counter()
        self._report = report
        self._threads = threads
        # A frame on all cores may take `silence_seconds`; others have a share of the cores.
        self._patience = (threads.count - 1) * silence_seconds if threads else 0.0
        self._reported = time.monotonic()

    def report(self) -> None:
        """Reports, unless a frame beside others seems to hang, which the others would hide."""
        if self._threads and (self._threads.running() or 0.0) > self._patience:
            return
        self._report.alive()
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = time.monotonic()
            self._report(Batches("detector", counts=dict(self.counts)))


def _results(
    detector: Detector,
    ignored: Mapping[str, Float32Array],
    batch: Sequence[Envelope],
    concurrent_calls: int,
) -> Sequence[Envelope]:
    """Returns the detections in a batch of frames.

    Those in the ``ignored`` regions of their stream are left out, see `outside`. The work on each
    frame is the time that the batch took, divided by the number of its frames and by the number of
    batches that the threads of all workers compute ``concurrent_calls``: what the stage needs per
    frame.
    """
    frames = [envelope.record for envelope in batch if isinstance(envelope.record, Frame)]
    started = time.monotonic_ns()
    found = detector.detect(frames)
    frame_ns = (time.monotonic_ns() - started) // (len(batch) * concurrent_calls)
    return [
        structs.replace(
            envelope,
            record=completed(
                detections, frame, ignored.get(frame.header.stream, ignored[EVERY_STREAM])
            ),
            work_ns=envelope.work_ns | {"detector": frame_ns},
        )
        for detections, frame, envelope in zip(found, frames, batch, strict=True)
    ]


def completed(detections: Detections, frame: Frame, ignored: Float32Array) -> Detections:
    """Returns a frame's detections `outside` the ignored regions, with its camera's motion."""
    if len(ignored):
        detections = outside(detections, ignored)
    return detections if frame.motion is None else replace(detections, motion=frame.motion)


class _Stream:
    """A stream's frame ring, opened when its first message arrives."""

    def __init__(self, plan: WorkerPlan, channel: int, logbook: Logbook) -> None:
        self.name = logbook.stream
        self._logbook = logbook
        self._ring = FrameRing(plan.ring(channel))

    def with_pixels(self, envelope: Envelope) -> Envelope:
        """Returns the envelope; if it holds a frame, with the frame's pixels.

        Raises:
            MessageError: There are no pixels, and the decoder sent no such message.
            SpotStreamError: There are no pixels, but the decoder did send this message: without
                the frame the stream would never continue.
        """
        if not isinstance(envelope.record, Frame):
            return envelope
        try:
            pixels = pixels_of(envelope.record.header, envelope, self._ring)
            if pixels is None:
                raise ValueError("a frame without pixels")
        except ValueError as error:
            sent = self._logbook.message(envelope.position)
            if sent == msgspec.msgpack.encode(encode(envelope)):
                raise SpotStreamError(f"{self.name}: {error}") from error
            raise MessageError(str(error)) from error
        return structs.replace(envelope, record=replace(envelope.record, pixels=pixels))

    def close(self) -> None:
        self._ring.close()
