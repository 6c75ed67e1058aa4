"""The decoder's process: one source, from its start to its end."""

from __future__ import annotations

import math
import signal
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from pipeline.config import DecoderConfig, RunConfig
from pipeline.logbook import Counter, Logbook
from pipeline.plan import Status, StreamPlan, WorkerPlan
from pipeline.publisher import FramePublisher
from pipeline.reporter import Reporter
from pipeline.signals import STAGE_END
from stages.decoder.live import LiveOptions
from stages.decoder.locations import SourceSpec, is_live
from stages.decoder.pace import Pace
from stages.decoder.recording import Recorder
from stages.decoder.source import Source, StreamPlace
from stages.decoder.sources import open_source
from stages.records import Dropped, EndOfStream, EndReason, Frame, StreamStart
from stages.sink.results import remove_parts, remove_results

if TYPE_CHECKING:
    from stages.decoder.camera_motion import CameraMotion

_CONNECT_SECONDS = 10.0


def run_decoder(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    """Decodes the plan's stream to its end, or until `STAGE_END`, and sees that all is settled.

    Where an earlier process of the stream died, goes on where that one was. The first record takes
    the place of what an earlier run left in the stream's folder: no other stage looks there before.
    """
    stop = threading.Event()
    signal.signal(STAGE_END, lambda *_: stop.set())
    config = plan.config
    stream = plan.streams[0]
    if stream.given_up:
        _give_up(plan, context, config, report, stop)
        return

    logbook, folder = Logbook(plan.logbook(stream.channel)), plan.folder(stream.name)
    last_epoch = max(0, logbook[Counter.EPOCHS] - 1)
    wait = _Waiting(stop, report)
    source = _open(stream, config.decoder, logbook, wait, report)
    publisher = FramePublisher(plan, context, config, report, source.resumes, stop)
    report(Status(kind="ready", stage="decoder", stream=stream.name))
    if publisher.ended:
        publisher.close()
        return
    paced = config.decoder.pace == "original" and not source.resumes
    pace = Pace(wait) if paced else None
    camera = None
    if config.decoder.camera_motion:
        # Imported here: most cameras' processes have no use for OpenCV, which takes memory.
        from stages.decoder.camera_motion import CameraMotion

        camera = CameraMotion()
    given, ended = publisher.given, False
    started = wait.working_ns()
    records = source.records(publisher)
    try:
        for record in records:
            report.alive()
            if isinstance(record, Frame):
                elapsed = wait.working_ns() - started
                _publish(record, publisher, elapsed, camera, pace)
                given = max(given, record.header.sequence + 1)
            else:
                _announce(record, publisher, logbook, folder)
                ended = isinstance(record, EndOfStream)
                last_epoch = record.epoch
                if isinstance(record, Dropped):
                    given = max(given, record.last + 1)
            if stop.is_set():
                break
            started = wait.working_ns()
    except InterruptedError:
        pass  # told to stop while waiting for a slot
    finally:
        records.close()
        if not ended and stop.is_set():
            publisher.skip = 0
            end = EndOfStream(stream.name, last_epoch, given, EndReason.INTERRUPTED, "stopped")
            _announce(end, publisher, logbook, folder)
        publisher.close()


class _Waiting:
    """Waits some seconds, alive; tells whether the process was told to stop.

    Its clock shows how long the source has worked.
    """

    def __init__(self, stop: threading.Event, report: Reporter) -> None:
        self._stop = stop
        self._report = report
        self._waited_ns = 0

    def __call__(self, seconds: float) -> bool:
        started = time.monotonic_ns()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stop.wait(min(left, 1.0)):
            self._report.alive()
        self.waited(time.monotonic_ns() - started)
        return self._stop.is_set()

    def waited(self, ns: int) -> None:
        """The source has waited so long by itself, for a packet."""
        self._waited_ns += ns

    def working_ns(self) -> int:
        """A clock that stands still while the source waits."""
        return time.monotonic_ns() - self._waited_ns


def _open(
    stream: StreamPlan, config: DecoderConfig, logbook: Logbook, wait: _Waiting, report: Reporter
) -> Source:
    """The source, where the stream was left; where it is to be recorded, with a recorder."""
    place = StreamPlace(logbook[Counter.EPOCHS], logbook[Counter.SEQUENCE], logbook[Counter.SEEN])

    def notify(message: str) -> None:
        report(Status(kind="notice", stage="decoder", stream=stream.name, message=message))

    def connected() -> None:
        logbook[Counter.CONNECTIONS] += 1

    recorder = None
    if config.record is not None and is_live(stream.location):
        recorder = Recorder(
            config.record / stream.name,
            stream.location,
            60 * config.record_minutes,
            round(1e9 * config.record_gigabytes),
            notify,
            patient=place.epochs > 0,
        )
    return open_source(
        SourceSpec(stream.name, stream.location, stream.layout, frame_rate=stream.frame_rate),
        config.selection,
        Fraction(config.frame_rate),
        LiveOptions(
            timeout=config.timeout,
            connect_seconds=_connect_seconds(config, only_one=stream.only_one),
            reconnect=config.reconnect,
            transport=config.transport,
        ),
        hardware=config.hardware,
        paced=config.pace == "original",
        recorder=recorder,
        place=place,
        wait=wait,
        waited=wait.waited,
        notify=notify,
        connected=connected,
    )


def _publish(
    frame: Frame,
    publisher: FramePublisher,
    elapsed: int,
    camera: CameraMotion | None,
    pace: Pace | None,
) -> None:
    """Gives a frame on, with the camera's motion, when its time has come.

    One that an earlier process has given on only shows how the camera moved.
    """
    header, motion = frame.header, None
    if camera is not None and publisher.skip:
        camera.pass_over(frame)
    elif camera is not None:
        motion = camera.estimate(frame)
    if pace is not None and not publisher.skip:
        header = pace.hold(header)
    publisher.publish(header, elapsed, motion)


def _announce(
    record: StreamStart | Dropped | EndOfStream,
    publisher: FramePublisher,
    logbook: Logbook,
    folder: Path,
) -> None:
    """Gives a record on; the first one once there is room for results, see `run_decoder`.

    Raises:
        OutputError: An earlier result cannot be removed.
    """
    if not logbook[Counter.EPOCHS]:
        if isinstance(record, StreamStart):
            remove_results(folder)
        else:  # the stream ends without a frame
            remove_parts(folder)
    publisher.announce(record)


def _give_up(
    plan: WorkerPlan,
    context: zmq.Context,
    config: RunConfig,
    report: Reporter,
    stop: threading.Event,
) -> None:
    """Ends the stream where an earlier process left it."""
    stream = plan.streams[0]
    publisher = FramePublisher(plan, context, config, report, True, stop)
    report(Status(kind="ready", stage="decoder", stream=stream.name))
    if not publisher.ended:
        epoch = Logbook(plan.logbook(stream.channel))[Counter.EPOCHS] - 1
        end = EndReason.TRUNCATED
        publisher.announce(EndOfStream(stream.name, epoch, publisher.given, end, stream.given_up))
    publisher.close()


def _connect_seconds(config: DecoderConfig, *, only_one: bool) -> float:
    """How long the first connection is tried: of many cameras one may be on later."""
    if config.connect_seconds is not None:
        return config.connect_seconds
    return _CONNECT_SECONDS if only_one else math.inf
