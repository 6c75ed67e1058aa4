"""The detector's process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import zmq

from pipeline.config import DetectorConfig, RunConfig
from pipeline.link import Inlet, Outlet
from pipeline.messages import Envelope
from pipeline.plan import Status, WorkerPlan
from pipeline.ring import FrameRing
from stages.records import Detections, EndOfStream, Frame, StreamStart


class Detector(Protocol):
    """What finds vehicles."""

    name: str
    class_names: tuple[str, ...]

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detections of each frame."""


def build_detector(config: DetectorConfig) -> Detector:
    """The detector a config asks for.

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
        scale=config.scale,
        min_score=config.min_score,
        threads=config.threads,
    )


def run_detector(plan: WorkerPlan, context: zmq.Context, report: Callable[[Status], None]) -> None:
    """Detects in every frame that comes in, until the process is ended."""
    config = RunConfig.model_validate(plan.config)
    inlet = Inlet(context, plan.endpoint("detector"))
    outlet = Outlet(context, plan.endpoint("tracker"))
    detector = build_detector(config.detector)
    rings: dict[str, FrameRing] = {}
    paths = {stream.name: stream.ring for stream in plan.streams}
    report(Status(kind="ready", stage="detector"))
    for envelope in inlet:
        record = envelope.record
        if isinstance(record, Frame):
            outlet.send(_detect(detector, record, envelope, rings, paths))
        else:
            if isinstance(record, StreamStart):
                record = _named(record, detector)
            elif isinstance(record, EndOfStream) and record.stream in rings:
                rings.pop(record.stream).close()
            outlet.send(Envelope(record))


def _detect(
    detector: Detector,
    frame: Frame,
    envelope: Envelope,
    rings: dict[str, FrameRing],
    paths: dict[str, str],
) -> Envelope:
    started = time.monotonic_ns()
    header, pixels = frame.header, envelope.pixels
    if pixels is None and envelope.slot is not None:
        if header.stream not in rings:
            rings[header.stream] = FrameRing(paths[header.stream])
        pixels = rings[header.stream].slot(envelope.slot, header.shape)
    detections = detector.detect([Frame(header, pixels)])[0]
    work = envelope.work_ns | {"detector": time.monotonic_ns() - started}
    return Envelope(detections, envelope.slot, work, envelope.pixels)


def _named(start: StreamStart, detector: Detector) -> StreamStart:
    return replace(start, detector=detector.name, class_names=detector.class_names)
