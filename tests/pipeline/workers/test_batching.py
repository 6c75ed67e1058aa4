"""Which frames leave together, and when."""

from collections import deque
from fractions import Fraction

from pipeline.transport.envelope import Envelope
from pipeline.workers.batching import batches
from stages.records import EndOfStream, EndReason, Frame, FrameHeader, PixelFormat


def frame(stream, sequence):
    header = FrameHeader(
        stream, 0, sequence, sequence, sequence, Fraction(1, 25), 0, 4, 4, PixelFormat.BGR24
    )
    return Envelope(Frame(header, None))


def end(stream):
    return Envelope(EndOfStream(stream, 0, 1, EndReason.COMPLETE))


class Arrivals:
    """Envelopes with their arrival times in seconds; time passes only in `receive`."""

    def __init__(self, *arrivals):
        self.arrivals = deque(arrivals)
        self.now = 0.0

    def receive(self, timeout):
        assert timeout is None or timeout >= 0
        if not self.arrivals:
            if timeout is None:
                raise EOFError
            self.now += timeout
            return None
        when, envelope = self.arrivals[0]
        if timeout is not None and when > self.now + timeout:
            self.now += timeout
            return None
        self.now = max(self.now, when)
        self.arrivals.popleft()
        return envelope


def gather(size, wait, *arrivals):
    """When each batch left, and what was in it."""
    source = Arrivals(*arrivals)
    found = []
    try:
        for batch in batches(source.receive, size, wait, lambda: source.now):
            found.append((round(source.now, 3), [name(envelope) for envelope in batch]))
    except EOFError:
        return found


def name(envelope):
    record = envelope.record
    return f"{record.header.stream}{record.header.sequence}" if isinstance(record, Frame) else "end"


def test_a_full_batch_leaves_at_once_and_mixes_streams():
    found = gather(2, 1.0, (0, frame("a", 0)), (0.1, frame("b", 0)), (0.2, frame("a", 1)))
    assert found == [(0.1, ["a0", "b0"]), (1.2, ["a1"])]


def test_a_batch_leaves_when_its_first_frame_has_waited_long_enough():
    found = gather(8, 0.5, (0, frame("a", 0)), (0.4, frame("b", 0)), (0.6, frame("a", 1)))
    assert found == [(0.5, ["a0", "b0"]), (1.1, ["a1"])]


def test_a_batch_that_waited_too_long_meanwhile_leaves_at_once():
    source = Arrivals((0, frame("a", 0)), (9, frame("a", 1)))
    clock = iter([0.0, 2.0]).__next__  # the process was suspended between them
    assert len(next(batches(source.receive, 8, 0.5, clock))) == 1


def test_no_record_overtakes_a_frame():
    found = gather(8, 0.5, (0, frame("a", 0)), (0.1, end("a")), (0.2, frame("b", 0)))
    assert found == [(0.1, ["a0"]), (0.1, ["end"]), (0.7, ["b0"])]


def test_a_batch_of_one_never_waits():
    assert gather(1, 9.0, (0, frame("a", 0)), (0.3, frame("a", 1))) == [(0, ["a0"]), (0.3, ["a1"])]
