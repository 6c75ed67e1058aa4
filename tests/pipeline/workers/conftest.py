"""Fixtures: a sink's streams north and south without processes, and a live stream's logbook."""

import signal
import threading
import time
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import zmq
from msgspec.structs import replace

from pipeline.config import RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.reports import Failed, Notice, Progress
from pipeline.signals import STAGE_END
from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers.publisher import Publisher
from pipeline.workers.sink_stream import SinkStream
from stages.records import (
    Detections,
    EndOfStream,
    EndReason,
    FrameHeader,
    PixelFormat,
    StreamStart,
    Tracks,
)
from stages.sink import encoding
from stages.sink.folder_contents import JOURNAL
from tests.pipeline.workers.overlay_pictures import make_pictures
from tests.waiting import wait_for

NAMES = ("north", "south")
RATE = Fraction(25)
BEGAN_NS = time.time_ns()


class ReportLog(list):
    """Collects a stage's reports."""

    def __init__(self):
        self.notices = []
        self.failures = []
        self.metrics = None
        self.total = None

    def __call__(self, report):
        self.append((report.kind, report.stream))
        if isinstance(report, Notice):
            self.notices.append(report.message)
        if isinstance(report, Failed):
            self.failures.append(report.message)
        if isinstance(report, Progress):
            self.metrics, self.total = report.metrics or self.metrics, report.total

    def alive(self):
        pass

    def busy(self):
        self.append(("busy", ""))


@pytest.fixture
def signals():
    """Restores the handler of the signal that ends a stage."""
    before = signal.getsignal(STAGE_END)
    yield
    signal.signal(STAGE_END, before)


@pytest.fixture
def plan(tmp_path, run_folder):
    for channel, name in enumerate(NAMES):
        run_folder.add_stream(channel, name, entries=16, lossless=True)
    streams = [StreamPlan(name, f"{name}.mp4", "", "", n) for n, name in enumerate(NAMES)]
    output = str(tmp_path / "out")
    return WorkerPlan(
        stage="sink", config=RunConfig(), streams=streams, output=output, sockets=run_folder.path
    )


@pytest.fixture
def reports():
    return ReportLog()


@pytest.fixture
def sink(plan, context, reports):
    """Opens streams, also again after a killed sink; closes all of them at the end."""
    streams = []

    def open_stream(name="north", *, live, reports=reports, publisher=None, **changes):
        changed, channel = replace(plan, **changes), NAMES.index(name)
        logbook = Logbook(changed.logbook(channel))
        logbook[SharedNumber.LOSSLESS] = not live
        publisher = publisher or Publisher(None, changed.run, channel)
        stream = SinkStream(changed, context, reports, channel, logbook, lambda: None, publisher)
        stream.open()
        streams.append(stream)
        return stream

    yield open_stream
    for stream in streams:
        stream.close()


def feed(stream, frames, tick=1 / RATE, pts=range(20), begin=0, centers_x=None, inline=True):
    """Feeds the stream its frames.

    ``centers_x`` holds one vehicle's horizontal centre in each; ``inline`` is whether the pixels
    travel in the messages.
    """
    name = stream.name
    start = StreamStart(name, 0, "x.mp4", 32, 48, RATE, tick, frames)
    if not begin:
        stream.take(Envelope(start, channel=0, position=0))
    for index in range(begin, frames):
        times = pts[index], tick, BEGAN_NS
        header = FrameHeader(name, 0, index, index, *times, 32, 48, PixelFormat.YUV420P)
        vehicles = [centers_x[index]] if centers_x else []
        boxes = np.array([(x - 4, 8, x + 4, 24) for x in vehicles], np.float32).reshape(-1, 4)
        scores, classes = np.full(len(boxes), 0.9, np.float32), np.zeros(len(boxes), np.int16)
        detections = Detections(header, boxes, scores, classes)
        tracks = Tracks(detections, boxes, scores, classes, np.ones(len(boxes), np.int64))
        pixels = np.full(header.shape, 90, np.uint8) if inline else None
        stream.take(Envelope(tracks, 0, channel=0, position=index + 1, pixels=pixels))


def advance_until(stream, until):
    def check():
        if not until():
            stream.advance()
        return until()

    wait_for(check)


def acknowledged(stream):
    """Returns the position of the next record to be acknowledged to the decoder."""
    return stream._logbook[SharedNumber.ACKNOWLEDGED]


def feed_into_checkpoint(stream, frames, centers_x=None):
    """Feeds frames and waits until a checkpoint has replaced them in the journal."""
    feed(stream, frames, centers_x=centers_x)
    advance_until(stream, lambda: (stream.folder / JOURNAL).stat().st_size == 0)


def end(stream, frames):
    record = EndOfStream(stream.name, 0, frames, EndReason.COMPLETE)
    stream.take(Envelope(record, channel=0, position=frames + 1))


@pytest.fixture
def logbook(tmp_path):
    (tmp_path / "logbook").touch()
    logbook = Logbook.create(str(tmp_path / "logbook"), stream="cam", entries=16, lossless=False)
    yield logbook
    logbook.close()


@pytest.fixture
def context():
    context = zmq.Context()
    context.linger = 0  # also for sockets that nobody closes
    yield context
    context.destroy(linger=0)


class Disk:
    """A disk that takes no pictures of north while it hangs; it always takes text."""

    def __init__(self):
        self._works, self._is_written_to = threading.Event(), threading.Event()
        self._works.set()

    def write(self, path):
        if path.parent.name == NAMES[0]:
            self._is_written_to.set()
            assert self._works.wait(60)

    @property
    def works(self):
        return self._works.is_set()

    def hang(self):
        self._is_written_to.clear()
        self._works.clear()

    def wait_for_write(self):
        assert self._is_written_to.wait(100)

    def work(self):
        self._works.set()


@pytest.fixture
def checkpoints_always_due(monkeypatch):
    for name in ("_INTERVAL_NS", "_PAUSE_FACTOR"):
        monkeypatch.setattr(f"pipeline.workers.checkpoint.{name}", 0)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()

    class Pictures(encoding.Journal):
        def append(self, entry):
            disk.write(self.path)
            super().append(entry)

    monkeypatch.setattr(encoding, "Journal", Pictures)
    yield disk
    disk.work()


@pytest.fixture
def pictures(tmp_path):
    """Makes encoded pictures, see `make_pictures`."""
    return partial(make_pictures, tmp_path)
