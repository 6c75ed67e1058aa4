"""The decoder's process: one source, from its start to its end."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent import futures
from fractions import Fraction
from functools import partial
from pathlib import Path

import zmq

from pipeline.config import DecoderConfig
from pipeline.plan import STAGE_ENDED, StreamPlan, WorkerPlan
from pipeline.reporter import Reporter
from pipeline.reports import Notice, NoticeEvent, Ready
from pipeline.signals import STAGE_END
from pipeline.transport.flow import StreamEvent
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import MAX_SIDE
from pipeline.workers.backlog import Backlog
from pipeline.workers.camera_estimates import CameraEstimates
from pipeline.workers.disk_watch import DiskWatch
from pipeline.workers.frame_sender import FrameSender
from pipeline.workers.waiting import Waiting
from stages.background import in_background
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import SourceSpec, is_live, is_pipe
from stages.decoder.pace import Pace
from stages.decoder.recorder import Recorder
from stages.decoder.source import ResumePoint, Source, SourceRecord, SourceRuntime
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import Dropped, DropReason, EndOfStream, EndReason, Frame, StreamStart
from stages.sink.folder_contents import remove_parts, remove_results

_CONNECT_SECONDS = 10.0
_SIGNAL_SECONDS = 0.2
_STUCK_SECONDS = 1.0  # time for a source to end, and to close its camera's session


def run_decoder(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Decodes the plan's stream to its end, or until `STAGE_END`; returns when all is acknowledged.

    If an earlier process of the stream died, decoding continues where that process stopped. Before
    the first record, the results of an earlier run are removed from the stream's folder, which no
    other stage accesses until then.

    The source is read in a separate thread. If the thread is stuck in a call to FFmpeg when the
    process is told to stop, it is abandoned and the process exits.
    """
    try:
        _run(plan, context, report)
    except FileNotFoundError:
        # If the stream ends while its decoder is being restarted, its memory is gone.
        link = Path(plan.logbook(plan.streams[0].channel))
        if link.is_symlink() or not link.parent.is_dir():
            raise


def _run(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    stop = threading.Event()
    signal.signal(STAGE_END, lambda *_: stop.set())
    stream = plan.streams[0]
    if stream.give_up_reason:
        _give_up(plan, context, report, stop)
        return

    logbook = Logbook(plan.logbook(stream.channel))
    waiting = Waiting(stop, report)
    recorder = _recorder(plan, context, report, logbook)
    source = _open(plan, logbook, recorder, waiting, report)
    sender = FrameSender(plan, context, report, is_live(stream.location), stop)
    decoding = None
    if not sender.ended:  # before the sender's thread, which would outlive an error here
        decoding = _Decoding(plan, source, sender, logbook, waiting, stop, report)
    sender.start()
    report(Ready("decoder", stream=stream.name))
    if decoding is None:
        sender.close()
        return
    reading = in_background(decoding.run, stop.set)
    may_pause = is_pipe(stream.location)  # indefinitely; a network has timeouts
    while not stop.wait(_SIGNAL_SECONDS):  # a signal may have been delivered to another thread
        if may_pause:
            waiting.report_alive()
    futures.wait([reading], _STUCK_SECONDS)
    with waiting.working:
        if not decoding.over:
            if recorder is not None:
                recorder.close()
            decoding.end()
            context.destroy(linger=1000)
            os._exit(STAGE_ENDED)  # a normal interpreter exit would free what FFmpeg still uses
    reading.result()


class _Decoding:
    """Passes the records of a source to the sender.

    Attributes:
        over: Whether `run` has finished reading.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        source: Source,
        sender: FrameSender,
        logbook: Logbook,
        waiting: Waiting,
        stop: threading.Event,
        report: Reporter,
    ) -> None:
        self.over = False
        stream = plan.streams[0]
        self._folder = plan.folder(stream.name)
        self._source = source
        self._sender = sender
        self._logbook = logbook
        self._waiting = waiting
        self._stop = stop
        self._report = report
        self._ended = False
        config = plan.config.decoder
        paced = config.pace == "original" and not is_live(stream.location)
        self._pace = Pace(waiting.wait) if paced else None
        self._estimates = CameraEstimates(config, stream.name, _notifier(stream, report))
        drops = is_live(stream.location) and not logbook[SharedNumber.LOSSLESS]
        self._backlog = Backlog() if self._estimates.any and drops else None

    def run(self) -> None:
        """Reads the source until it ends or the process is told to stop."""
        with self._waiting.working:
            records = self._source.records(self._sender)
            try:
                self._read(records)
            except InterruptedError:
                pass  # told to stop while waiting for a slot
            finally:
                self.over = True
                try:
                    records.close()
                finally:
                    self.end()

    def _read(self, records: Iterable[SourceRecord]) -> None:
        started = self._waiting.working_ns()
        for record in records:
            self._report.alive()
            if isinstance(record, Frame):
                self._send(record, started)
            else:
                self._announce(record)
            if self._stop.is_set():
                break
            started = self._waiting.working_ns()

    def _send(self, frame: Frame, started: int) -> None:
        """Sends a frame with the camera's motion and the frame's view, at the configured pace.

        A frame that an earlier process has sent is used only to find those of the next ones. If
        that work takes longer than a live source takes for a frame, some are dropped instead.

        Args:
            frame: The frame.
            started: When the work on it began, by `Waiting.working_ns`.
        """
        header, motion = frame.header, None
        if self._backlog is not None and self._backlog.drops(self._waiting.waited_ns):
            number, why = header.sequence, DropReason.BEHIND
            self._sender.announce(Dropped(header.stream, header.epoch, number, number, why))
            return
        if skipping := self._sender.is_skipping:
            self._estimates.pass_over(frame)
        else:
            header, motion = self._estimates.of(frame)
        elapsed = self._waiting.working_ns() - started
        if self._pace is not None and not skipping:
            header = self._pace.hold(header)
        self._sender.send(header, elapsed, motion)

    def _announce(self, event: StreamEvent) -> None:
        """Announces an event; before the first, removes earlier results, see `run_decoder`.

        Raises:
            SourceError: The stream's frames are too large for a message; no stage would take them.
            OutputError: An earlier result cannot be removed.
        """
        if isinstance(event, StreamStart) and max(event.height, event.width) > MAX_SIDE:
            raise SourceError(
                f"frames of {event.width}x{event.height} are too large; a side may have "
                f"{MAX_SIDE} pixels"
            )
        if isinstance(event, StreamStart):
            self._before_first(remove_results)
        else:  # the stream ends without a frame
            self._before_first(remove_parts)
        self._sender.announce(event)
        self._ended = isinstance(event, EndOfStream)

    def _before_first(self, remove: Callable[[Path], None]) -> None:
        """Removes earlier results if no record of the stream has been announced yet."""
        if not self._logbook[SharedNumber.EPOCHS]:
            remove(self._folder)

    def end(self) -> None:
        """Ends the stream if the process was told to stop; returns when all is acknowledged."""
        if not self._ended and self._stop.is_set():
            self._before_first(remove_parts)
            self._sender.end(EndReason.INTERRUPTED, "stopped")
        self._sender.close()


def _notifier(
    stream: StreamPlan, report: Reporter, event: NoticeEvent = "notice"
) -> Callable[[str], None]:
    def notify(message: str) -> None:
        report(Notice("decoder", stream=stream.name, message=message, event=event))

    return notify


def _recorder(
    plan: WorkerPlan, context: zmq.Context, report: Reporter, logbook: Logbook
) -> Recorder | None:
    """Returns the recorder of a live stream, if recording is configured."""
    stream, config = plan.streams[0], plan.config.decoder
    if config.record is None or not is_live(stream.location):
        return None
    folder = config.record / stream.name
    notify = _notifier(stream, Reporter(context, plan))  # for the thread that watches the disk
    disk = DiskWatch(report, notify, "the stream waits")
    disk.start()

    def stuck(is_stuck: bool) -> None:
        logbook[SharedNumber.RECORDING_STUCK] = is_stuck

    stuck(False)  # an earlier process may have died while it was stuck
    return Recorder(
        folder,
        stream.location,
        60 * config.record_minutes,
        round(1e9 * config.record_gigabytes),
        _notifier(stream, report),
        writing=partial(disk.at, folder),
        patient=logbook[SharedNumber.EPOCHS] > 0,
        stuck=stuck,
    )


def _open(
    plan: WorkerPlan,
    logbook: Logbook,
    recorder: Recorder | None,
    waiting: Waiting,
    report: Reporter,
) -> Source:
    """Opens the source at the point that the stream has reached."""
    stream, config = plan.streams[0], plan.config.decoder

    def connected() -> None:
        logbook[SharedNumber.CONNECTIONS] += 1

    def not_received(frames: int) -> None:
        logbook[SharedNumber.NOT_RECEIVED] += frames

    return open_source(
        SourceSpec(stream.name, stream.location, stream.layout, frame_rate=stream.frame_rate),
        selection=config.selection,
        frame_rate=Fraction(config.frame_rate),
        live=LiveOptions(
            timeout=config.timeout,
            connect_seconds=_connect_seconds(config, only_one=stream.only_one),
            reconnect=config.reconnect,
            transport=config.transport,
            patient=stream.patient,
        ),
        hardware=config.hardware,
        paced=config.pace == "original",
        recorder=recorder,
        resume_from=ResumePoint(
            logbook[SharedNumber.EPOCHS], logbook[SharedNumber.SEQUENCE], logbook[SharedNumber.SEEN]
        ),
        runtime=SourceRuntime(
            wait=waiting.wait,
            waited=waiting,
            notify=_notifier(stream, report),
            lost=_notifier(stream, report, "disconnected"),
            back=_notifier(stream, report, "reconnected"),
            connected=connected,
            not_received=not_received,
        ),
    )


def _give_up(
    plan: WorkerPlan, context: zmq.Context, report: Reporter, stop: threading.Event
) -> None:
    """Ends the stream where an earlier process left it."""
    stream = plan.streams[0]
    sender = FrameSender(plan, context, report, resumes=True, stop=stop)
    sender.start()
    report(Ready("decoder", stream=stream.name))
    if not sender.ended:
        sender.end(EndReason.TRUNCATED, stream.give_up_reason)
    sender.close()


def _connect_seconds(config: DecoderConfig, *, only_one: bool) -> float:
    """Seconds to try the first connection; one of many cameras may be switched on later."""
    if config.connect_seconds is not None:
        return config.connect_seconds
    return _CONNECT_SECONDS if only_one else math.inf
