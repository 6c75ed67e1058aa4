"""The sink's process: writes results and acknowledges frames to their decoders."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import zmq

from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Notice, Ready
from pipeline.signals import STAGE_END
from pipeline.transport.broadcast import Broadcast
from pipeline.transport.link import Receiver
from pipeline.transport.logbook import Logbook
from pipeline.workers.disk_watch import DiskWatch
from pipeline.workers.sink_stream import SinkStream
from pipeline.workers.streams import Streams
from stages.errors import OutputError

_NEWS_SECONDS = 1.0
_ACKNOWLEDGED_AT_ONCE = 4  # records; half a default ring, so that its decoder need not wait


def run_sink(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Writes everything that arrives, until the process is ended; `STAGE_END` removes part files.

    After an error they are left to the next process, which takes over the files of its predecessor.
    """
    signal.signal(STAGE_END, lambda *_: sys.exit(0))
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    aside = Reporter(context, plan)  # for the thread that watches the disks
    disks = DiskWatch(
        report, lambda line: aside(Notice("sink", message=line)), "no stream is written"
    )
    runtime = plan.config.runtime
    shared = runtime.frames == "shared"
    reported = 0.0

    def on_turn() -> None:
        nonlocal reported
        report.alive()
        streams.close_ended()
        if time.monotonic() - reported >= _NEWS_SECONDS:
            reported = time.monotonic()
            for member in streams:
                with disks.at(member.folder):
                    member.look()

    def join(channel: int, logbook: Logbook) -> SinkStream:
        with disks.at(plan.folder(logbook.stream)):
            return SinkStream(plan, context, report, channel, logbook, wake, broadcast)

    receiver = Receiver(context, plan.endpoint("sink"), on_turn, wake, copy=shared)
    broadcast = None
    if runtime.publish is not None:
        broadcast = Broadcast(
            context, runtime.publish, runtime.publish_key, runtime.publish_clients
        )
    streams = Streams(plan, join)
    disks.start()
    try:
        if plan.give_up_reason:
            _give_up(plan, streams)
            return
        for stream in plan.streams:
            streams.at(stream.channel)
        report(Ready("sink"))
        taken = 0
        while True:
            envelope = receiver.receive()
            if envelope is None:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(wake)
            else:
                member = streams.find(envelope)
                if member is not None:
                    with disks.at(member.folder):
                        member.take(envelope)
                taken += 1
                # A live stream gets every credit at once: its next frame would be older otherwise.
                patient = member is not None and member.lossless
                if patient and taken < _ACKNOWLEDGED_AT_ONCE and receiver.pending:
                    continue
            taken = 0
            for member in streams:
                with disks.at(member.folder):
                    member.acknowledge()
    except SystemExit:
        signal.signal(STAGE_END, signal.SIG_IGN)  # about to end anyway
        for member in streams:
            member.abort()
        raise
    finally:
        disks.close()
        if broadcast is not None:
            broadcast.close()


def _give_up(plan: WorkerPlan, streams: Streams[SinkStream]) -> None:
    """Completes all streams where they are; a failure in one does not keep others from it."""
    failed: OutputError | None = None
    for stream in plan.streams:
        try:
            member = streams.at(stream.channel)
            if member is not None:
                member.give_up(plan.give_up_reason)
        except OutputError as error:
            failed = error
    if failed is not None:
        raise failed
