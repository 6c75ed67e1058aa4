"""The tracker's process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import zmq

from pipeline.config import RunConfig
from pipeline.link import Inlet, Outlet
from pipeline.plan import Status, WorkerPlan
from stages.records import Detections, EndOfStream
from stages.tracker import TrackerStage


def run_tracker(plan: WorkerPlan, context: zmq.Context, report: Callable[[Status], None]) -> None:
    """Tracks through every frame that comes in, until the process is ended."""
    config = RunConfig.model_validate(plan.config).tracker
    inlet = Inlet(context, plan.endpoint("tracker"))
    outlet = Outlet(context, plan.endpoint("sink"))
    stage = TrackerStage(config.name, config.settings)
    report(Status(kind="ready", stage="tracker"))
    for envelope in inlet:
        record = envelope.record
        if isinstance(record, Detections):
            started = time.monotonic_ns()
            tracks = stage.process(record)
            work = envelope.work_ns | {"tracker": time.monotonic_ns() - started}
            outlet.send(replace(envelope, record=tracks, work_ns=work))
        else:
            outlet.send(envelope)
            if isinstance(record, EndOfStream):
                stage.close(record.stream)
