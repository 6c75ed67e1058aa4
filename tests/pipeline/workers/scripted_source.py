"""A decoder's work on a source that yields given records, with a sender that records its calls."""

import itertools
import threading
from fractions import Fraction

from pipeline.config import RunConfig
from pipeline.plan import StreamPlan, WorkerPlan
from pipeline.transport.logbook import Logbook
from pipeline.transport.ring import create_memory_file
from pipeline.workers import decoder as decoder_worker
from pipeline.workers.waiting import Waiting
from stages.records import Frame, PixelFormat, StreamStart
from tests.pipeline.workers.conftest import ReportLog


def decoder_plan(tmp_path):
    """Returns the plan of a decoder of a file whose stream has not begun."""
    (tmp_path / "logbook-0").symlink_to(create_memory_file("logbook")[1])
    Logbook.create(str(tmp_path / "logbook-0"), stream="cam", entries=16, lossless=True)
    stream = StreamPlan("cam", "cam.mp4", "", "", 0)
    folder = str(tmp_path)
    return WorkerPlan(
        stage="decoder", config=RunConfig(), streams=[stream], output=folder, sockets=folder
    )


class RecordingSender:
    """A sender that records its calls in order."""

    ended = is_skipping = False

    def __init__(self):
        self.stop = threading.Event()
        self.records = []
        self.elapsed = []
        self.motions = []
        self.alive = []

    def start(self):
        pass

    def send(self, header, elapsed_ns, motion=None):
        self.records.append(Frame(header, None))
        self.elapsed.append(elapsed_ns)
        self.motions.append(motion)

    def announce(self, record):
        self.records.append(record)

    def end(self, reason, message):
        self.records.append((reason, message))

    def close(self):
        self.records.append("closed")


class Script:
    """A source that yields the given records and then stops the process."""

    def __init__(self, records, sender, *, during=lambda: None):
        self._records = records
        self._sender = sender
        self._during = during

    def records(self, allocator):
        try:
            yield from self._records
            self._during()
            self._sender.stop.set()
            raise InterruptedError
        finally:
            self._sender.records.append("source closed")


def frame(epoch, number, seconds=0):
    start = StreamStart("cam", epoch, "", 2, 2, Fraction(25), Fraction(1))
    return Frame(start.header(number, number, seconds, 0, PixelFormat.YUV420P), None)


def read(plan, source, sender, working_ns=None, waiting=None):
    """Sends everything that a source yields; returns the waits in seconds."""
    waited = []
    reporter = ReportLog()
    reporter.alive = lambda: sender.alive.append(len(sender.records))
    waiting = waiting or Waiting(sender.stop, reporter)
    waiting.wait = waited.append
    waiting.working_ns = working_ns or itertools.count().__next__
    logbook = Logbook(plan.logbook(0))
    decoder_worker._Decoding(plan, source, sender, logbook, waiting, sender.stop, reporter).run()
    return waited
