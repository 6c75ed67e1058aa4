"""The detector's process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import zmq

from pipeline.batching import batches
from pipeline.config import DetectorConfig, RunConfig
from pipeline.link import Inlet, Outlet
from pipeline.messages import Envelope
from pipeline.plan import Status, WorkerPlan
from pipeline.reporter import Reporter
from pipeline.ring import FrameRing
from stages.records import Detections, Frame, StreamStart

_REPORT_SECONDS = 1.0


class Detector(Protocol):
    """What finds vehicles."""

    name: str
    class_names: tuple[str, ...]
    batch_size: int  # frames at a time that it is fastest with

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detections of each frame."""


def build_detector(config: DetectorConfig, worker: int = 0) -> Detector:
    """The detector a config asks for; several workers take the GPUs in turn.

    Raises:
        ConfigError: Its weights or its detection file cannot be used.
    """
    if config.detections is not None:
        from stages.detector.file_detector import FileDetector

        return FileDetector(config.detections, config.min_score)
    from stages.detector.network_detector import NetworkDetector

    return NetworkDetector(
        config.weights,
        device=config.device,
        worker=worker,
        scale=config.scale,
        min_score=config.min_score,
        threads=config.threads,
    )


def run_detector(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Detects in every frame that comes in, until the process is ended."""
    config = RunConfig.model_validate(plan.config).detector
    inlet = Inlet(context, plan.endpoint(f"detector-{plan.worker}"), report.alive)
    outlet = Outlet(context, plan.endpoint("tracker"))
    detector = build_detector(config, plan.worker)
    rings = _Rings(plan)
    report(Status(kind="ready", stage="detector"))
    size = config.batch_size or detector.batch_size
    counts: Counter[int] = Counter()
    reported = time.monotonic()
    for batch in batches(inlet.receive, size, config.batch_wait_ms / 1000):
        record = batch[0].record
        if isinstance(record, Frame):
            time.sleep(config.delay_ms / 1000)
            for envelope in _detect(detector, batch, rings):
                outlet.send(envelope)
            counts[len(batch)] += 1
            if time.monotonic() - reported >= _REPORT_SECONDS:
                reported = time.monotonic()
                report(Status(kind="progress", stage="detector", batches=dict(counts)))
            continue
        if isinstance(record, StreamStart):
            record = replace(record, detector=detector.name, class_names=detector.class_names)
        outlet.send(replace(batch[0], record=record))


def _detect(detector: Detector, batch: Sequence[Envelope], rings: _Rings) -> list[Envelope]:
    started = time.monotonic_ns()
    found = detector.detect([rings.frame(envelope) for envelope in batch])
    each = (time.monotonic_ns() - started) // len(batch)
    return [
        replace(envelope, record=detections, work_ns=envelope.work_ns | {"detector": each})
        for detections, envelope in zip(found, batch, strict=True)
    ]


class _Rings:
    """The frame rings of all streams, opened when their first frame comes."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._open: dict[int, FrameRing] = {}

    def frame(self, envelope: Envelope) -> Frame:
        """The envelope's frame with its pixels, wherever they travel."""
        assert isinstance(envelope.record, Frame)
        header = envelope.record.header
        if envelope.pixels is not None or envelope.slot is None:
            return Frame(header, envelope.pixels)
        if envelope.channel not in self._open:
            self._close_ended()
            self._open[envelope.channel] = FrameRing(self._plan.ring(envelope.channel))
        return Frame(header, self._open[envelope.channel].slot(envelope.slot, header.shape))

    def _close_ended(self) -> None:
        for channel in list(self._open):
            if not Path(self._plan.ring(channel)).is_symlink():
                self._open.pop(channel).close()
