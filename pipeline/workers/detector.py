"""The detector's process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

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
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import Envelope, MessageError, encode
from pipeline.transport.ring import FrameRing
from pipeline.workers.batching import batches
from pipeline.workers.streams import Streams
from stages.detector.compute_threads import ComputeThreads
from stages.detector.ignored import outside
from stages.errors import ConfigError, SpotStreamError
from stages.records import (
    Detections,
    Float32Array,
    Frame,
    FrameHeader,
    StreamStart,
    UInt8Array,
)

_REPORT_SECONDS = 1.0
_ALIVE_SECONDS = 0.5


def run_detector(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Runs the detector on every incoming frame, until the process is ended."""
    whole = plan.config
    config = whole.detector
    streams = Streams(plan, lambda channel, logbook: _Stream(plan, channel, logbook))

    def prepare(envelope: Envelope) -> Envelope | None:
        stream = streams.find(envelope)
        return None if stream is None else stream.with_pixels(envelope)

    detector = build_detector(config, plan.worker)
    ignored = {
        name: np.array(ignored_in(config.ignored, name), np.float32).reshape(-1, 4)
        for name in (EVERY_STREAM, *config.ignored)
    }
    threads = None if config.batch_size else detector.compute_threads
    size = config.batch_size or (1 if threads else detector.batch_size)
    if config.detections is not None:  # whose errors are of one stream
        size = 1
    refused: set[int] = set()  # channels of streams without detections
    has_waited = False  # whether the latest message came before it could be taken
    source, target = plan.endpoint(f"detector-{plan.worker}"), plan.endpoint("tracker")
    copy = whole.runtime.frames == "shared"
    link: DirectLink | BackgroundLink
    if detector.is_immediate:
        link = DirectLink(context, source, target, prepare, streams.close_ended, copy=copy)
    else:
        link = BackgroundLink(
            context, source, target, prepare, streams.close_ended, ahead=size, copy=copy
        )
    progress = _Progress(report, threads, whole.runtime.silence_seconds)

    def receive(timeout: float | None) -> Envelope | None:
        nonlocal has_waited
        progress.report()
        has_waited = threads is not None and link.pending
        return link.receive(_ALIVE_SECONDS if timeout is None else timeout)

    def finish(batch: list[Envelope], side_by_side: int = 1) -> None:
        link.send(_results(detector, ignored, batch, side_by_side))
        batch.clear()  # otherwise rings of streams that end meanwhile would stay mapped

    def take(batch: list[Envelope]) -> None:
        if batch[0].channel in refused:
            batch.clear()
            return
        try:
            detect(batch)
        except ConfigError as error:  # of a detection file
            refused.add(batch[0].channel)
            stream, code = batch[0].stream, error.exit_code
            report(Failed("detector", stream=stream, message=str(error), exit_code=code))
            batch.clear()

    def detect(batch: list[Envelope]) -> None:
        first = batch[0].record
        if isinstance(first, StreamStart):
            for told in detector.cautions(first):
                report(Notice("detector", stream=first.stream, message=told))
        if not isinstance(first, Frame):
            finish(batch)
            return
        progress.counts[len(batch)] += 1
        # A frame that comes alone gets all cores.
        if threads and (has_waited or threads.running() is not None):
            while not threads.wait(_ALIVE_SECONDS):
                progress.report()
            threads.start(partial(finish, batch, threads.count))
        else:
            finish(batch)

    with link:
        now, before = detector.description, plan.detected_by
        report(Ready("detector", detected_by=now))
        if before not in ("", now):
            told = f"detects by {now} from here on, before by {before}"
            report(Notice("detector", message=told))
        for batch in batches(receive, size, config.batch_wait_ms / 1000):
            take(batch)


class _Progress:
    """Tells the supervisor that the process is alive and, once a second, how large batches were.

    Attributes:
        counts: Number of batches by their number of frames.
    """

    def __init__(
        self, report: Reporter, threads: ComputeThreads | None, silence_seconds: float
    ) -> None:
        self.counts: Counter[int] = Counter()
        self._report = report
        self._threads = threads
        # A frame on all cores may take `silence_seconds`; one beside others has a share of them.
        self._patience = (threads.count - 1) * silence_seconds if threads else 0.0
        self._reported = time.monotonic()

    def report(self) -> None:
        """Reports, unless a frame beside others may never end: others would hide that."""
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
    side_by_side: int,
) -> Sequence[Envelope]:
    """Returns the detections in a batch of frames; any other record, always alone, is passed on.

    Those in the ``ignored`` regions of their stream, see `outside`, are left out. Their work is the
    time that each took, shared with those in the batch and ``side_by_side``.
    """
    record = batch[0].record
    if isinstance(record, StreamStart):
        record = replace(
            record,
            detector=detector.name,
            class_names=detector.class_names,
            detected_by=detector.description,
        )
        return [structs.replace(batch[0], record=record)]
    frames = [envelope.record for envelope in batch if isinstance(envelope.record, Frame)]
    if not frames:
        return [batch[0]]
    started = time.monotonic_ns()
    found = detector.detect(frames)
    each = (time.monotonic_ns() - started) // (len(batch) * side_by_side)
    return [
        structs.replace(
            envelope,
            record=_completed(
                detections, frame, ignored.get(frame.header.stream, ignored[EVERY_STREAM])
            ),
            work_ns=envelope.work_ns | {"detector": each},
        )
        for detections, frame, envelope in zip(found, frames, batch, strict=True)
    ]


def _completed(detections: Detections, frame: Frame, ignored: Float32Array) -> Detections:
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
            frame = replace(envelope.record, pixels=self._pixels(envelope, envelope.record.header))
        except ValueError as error:
            sent = self._logbook.message(envelope.position)
            if sent == msgspec.msgpack.encode(encode(envelope)):
                raise SpotStreamError(f"{self.name}: {error}") from error
            raise MessageError(str(error)) from error
        return structs.replace(envelope, record=frame)

    def _pixels(self, envelope: Envelope, header: FrameHeader) -> UInt8Array:
        if envelope.pixels is not None:
            return envelope.pixels
        if envelope.slot is None:
            raise ValueError("a frame without pixels")
        return self._ring.slot(envelope.slot, header.shape)

    def close(self) -> None:
        self._ring.close()
