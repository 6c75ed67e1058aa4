"""The detector's process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import msgspec
import zmq
from msgspec import structs

from pipeline.batching import batches
from pipeline.detectors import Detector, build_detector
from pipeline.link import Inlet, Outlet
from pipeline.logbook import Logbook
from pipeline.messages import Envelope, MessageError, encode
from pipeline.plan import Status, WorkerPlan
from pipeline.reporter import Reporter
from pipeline.ring import FrameRing
from pipeline.streams import Streams
from stages.errors import SpotStreamError
from stages.records import Detections, Frame, FrameHeader, StreamStart, UInt8Array

_REPORT_SECONDS = 1.0


def run_detector(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Detects in every frame that comes in, until the process is ended."""
    whole = plan.config
    config = whole.detector

    def on_turn() -> None:
        report.alive()
        streams.close_ended()

    inlet = Inlet(
        context,
        plan.endpoint(f"detector-{plan.worker}"),
        on_turn,
        copy=whole.runtime.frames == "shared",
    )
    outlet = Outlet(context, plan.endpoint("tracker"))
    detector = build_detector(config, plan.worker)
    streams = Streams(plan, lambda channel, logbook: _Stream(plan, channel, logbook))
    report(Status(kind="ready", stage="detector"))
    size = config.batch_size or detector.batch_size
    counts: Counter[int] = Counter()
    reported = time.monotonic()
    for batch in batches(inlet.receive, size, config.batch_wait_ms / 1000):
        record = batch[0].record
        if isinstance(record, Frame):
            frames = list(_frames(streams, batch, inlet.complain))
            if not frames:
                continue
            for envelope in _detect(detector, frames):
                outlet.send(envelope)
            frames.clear()  # or the rings of streams that end meanwhile stay mapped
            counts[len(batch)] += 1
            if time.monotonic() - reported >= _REPORT_SECONDS:
                reported = time.monotonic()
                report(Status(kind="progress", stage="detector", batches=dict(counts)))
            continue
        if isinstance(record, StreamStart):
            record = replace(record, detector=detector.name, class_names=detector.class_names)
        outlet.send(structs.replace(batch[0], record=record))


def _detect(detector: Detector, batch: Sequence[tuple[Envelope, Frame]]) -> list[Envelope]:
    started = time.monotonic_ns()
    found = detector.detect([frame for _, frame in batch])
    each = (time.monotonic_ns() - started) // len(batch)
    return [
        structs.replace(
            envelope,
            record=_moved(detections, frame),
            work_ns=envelope.work_ns | {"detector": each},
        )
        for detections, (envelope, frame) in zip(found, batch, strict=True)
    ]


def _moved(detections: Detections, frame: Frame) -> Detections:
    return detections if frame.motion is None else replace(detections, motion=frame.motion)


class _Stream:
    """A stream's frame ring, opened when its first frame comes."""

    def __init__(self, plan: WorkerPlan, channel: int, logbook: Logbook) -> None:
        self.name = logbook.stream
        self._logbook = logbook
        self._ring = FrameRing(plan.ring(channel))

    def frame(self, envelope: Envelope) -> Frame:
        """The envelope's frame with its pixels.

        Raises:
            MessageError: They are nowhere, and the decoder sent no such message.
            SpotStreamError: It did: without this frame the stream would never go on.
        """
        assert isinstance(envelope.record, Frame)
        try:
            return replace(envelope.record, pixels=self._pixels(envelope, envelope.record.header))
        except ValueError as error:
            sent = self._logbook.message(envelope.position)
            if sent == msgspec.msgpack.encode(encode(envelope)):
                raise SpotStreamError(f"{self.name}: {error}") from error
            raise MessageError(str(error)) from error

    def _pixels(self, envelope: Envelope, header: FrameHeader) -> UInt8Array:
        if envelope.pixels is not None:
            return envelope.pixels
        if envelope.slot is None:
            raise ValueError("a frame without pixels")
        return self._ring.slot(envelope.slot, header.shape)

    def close(self) -> None:
        self._logbook.close()
        self._ring.close()


def _frames(
    streams: Streams[_Stream],
    batch: Sequence[Envelope],
    complain: Callable[[MessageError], None],
) -> Iterator[tuple[Envelope, Frame]]:
    """The frames of a batch that are the run's, with their pixels."""
    for envelope in batch:
        stream = streams.find(envelope)
        if stream is None:
            continue
        try:
            yield envelope, stream.frame(envelope)
        except MessageError as error:
            complain(error)
