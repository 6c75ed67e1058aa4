"""The sink's process: writes results and acknowledges frames to their decoders."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import zmq

from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Notice, Ready
from pipeline.signals import STAGE_END, StageEnd
from pipeline.transport.envelope import Envelope, Heartbeat
from pipeline.transport.link import Receiver
from pipeline.transport.logbook import Logbook
from pipeline.transport.messages import encode
from pipeline.workers.disk_watch import DiskWatch
from pipeline.workers.publisher import Publisher
from pipeline.workers.run_record import installed_versions
from pipeline.workers.sink_stream import SinkStream
from pipeline.workers.streams import Streams
from stages.atomic import output_error
from stages.errors import OutputError

if TYPE_CHECKING:
    from pipeline.transport.broadcast import Broadcast

_TICK_SECONDS = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_RECONNECT_SECONDS = 1.0  # after which subscribers of a sink that died have reconnected
_ACKNOWLEDGED_AT_ONCE = 4  # records; half a default ring, so that its decoder does not wait


def run_sink(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Writes everything that arrives, until the process is ended; `STAGE_END` removes part files.

    After an error, part files are left for the next process, which takes them over.
    """
    signal.signal(STAGE_END, _end)
    sink = _Sink(plan, context, report)
    try:
        if plan.give_up_reason:
            sink.give_up()
        else:
            sink.run()
    except StageEnd:
        signal.signal(STAGE_END, signal.SIG_IGN)  # about to end anyway
        sink.abort()
        raise
    finally:
        sink.close()


def _end(number: int, frame: object) -> NoReturn:
    raise StageEnd(0)


class _Sink:
    """All streams of a run, with the connections that they share."""

    def __init__(self, plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
        self._plan = plan
        self._context = context
        self._report = report
        self._ticked_at = 0.0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        watch_report = Reporter(context, plan)  # for the thread that watches the disks
        self._disks = DiskWatch(
            report, lambda line: watch_report(Notice("sink", message=line)), "no stream is written"
        )
        runtime = plan.config.runtime
        self._receiver = Receiver(
            context,
            plan.endpoint("sink"),
            self._on_turn,
            self._wake,
            copy=runtime.frames == "shared",
        )
        self._broadcast: Broadcast | None = None
        if runtime.publish is not None:
            from pipeline.transport.broadcast import Broadcast  # here, as it loads asyncio and ssl

            self._broadcast = Broadcast(
                context,
                runtime.publish,
                runtime.publish_key,
                runtime.publish_clients,
                _RECONNECT_SECONDS if plan.streams else 0.0,  # otherwise nothing was published
            )
        self._streams = Streams(plan, self._join)
        installed_versions()  # cached, since an upgrade may come before the first stream
        self._disks.start()

    def _join(self, channel: int, logbook: Logbook) -> SinkStream:
        member = SinkStream(
            self._plan,
            self._context,
            self._report,
            channel,
            logbook,
            partial(os.eventfd_write, self._wake, 1),
            Publisher(self._broadcast, self._plan.run, channel),
        )
        self._visit(member, member.open)
        return member

    def run(self) -> None:
        """Writes and acknowledges what arrives, indefinitely."""
        for stream in self._plan.streams:
            self._streams.at(stream.channel)
        self._report(Ready("sink"))
        taken = 0
        while True:
            envelope = self._receiver.receive()
            if envelope is None:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            else:
                may_wait = self._take(envelope)
                taken += 1
                if may_wait and taken < _ACKNOWLEDGED_AT_ONCE and self._receiver.pending:
                    continue
            taken = 0
            for member in self._streams:
                self._visit(member, member.advance)

    def _visit(self, member: SinkStream, work: Callable[[], None]) -> None:
        """Lets a stream work in its folder; an error there fails only that stream.

        Raises:
            OutputError: The disk that all streams share is full, or the run is being given up.
        """
        if member.failed:
            return
        try:
            with self._disks.at(member.folder):
                work()
        except OutputError as error:
            self._fail(member, error)
        except OSError as error:
            self._fail(member, output_error(member.folder, error))

    def _fail(self, member: SinkStream, error: OutputError) -> None:
        shared = error.errno in _FULL and _same_disk(member.folder, Path(self._plan.output))
        if shared or self._plan.give_up_reason:
            raise error
        with self._disks.at(member.folder):
            member.fail(error)

    def _take(self, envelope: Envelope) -> bool:
        """Writes a message; returns whether its stream may wait for the acknowledgement.

        A live stream gets every credit immediately, or its next frame would be older.
        """
        member = self._streams.find(envelope)
        if member is None:
            return False
        self._visit(member, partial(member.take, envelope))
        return member.lossless

    def _on_turn(self) -> None:
        self._report.alive()
        self._streams.close_ended()
        if time.monotonic() - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = time.monotonic()
            if self._broadcast is not None:
                self._broadcast.send(encode(Envelope(Heartbeat(), run=self._plan.run)))
            for member in self._streams:
                self._visit(member, member.tick)

    def give_up(self) -> None:
        """Completes all streams as far as they go, even if some of them fail."""
        failed: OutputError | None = None
        for stream in self._plan.streams:
            try:
                member = self._streams.at(stream.channel)
                if member is not None:
                    member.give_up(self._plan.give_up_reason)
            except OutputError as error:
                failed = error
        if failed is not None:
            raise failed

    def abort(self) -> None:
        """Removes every file that does not have its final name yet."""
        for member in self._streams:
            member.abort()

    def close(self) -> None:
        """Stops the disk watch and the broadcast."""
        self._disks.close()
        if self._broadcast is not None:
            self._broadcast.close()


def _same_disk(folder: Path, other: Path) -> bool:
    try:
        return folder.stat().st_dev == other.stat().st_dev
    except OSError:  # one of them is gone
        return False
