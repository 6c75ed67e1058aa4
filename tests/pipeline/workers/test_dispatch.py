import math
import tracemalloc
from fractions import Fraction

import msgspec
import numpy as np
import pytest

from pipeline.transport.flow import Departure
from pipeline.transport.link import Receiver
from pipeline.transport.messages import decode
from pipeline.transport.ring import FrameRing, create_memory_file
from pipeline.workers.dispatch import Dispatcher
from pipeline.workers.motion_chain import MotionChain
from stages.decoder.motion import STILL
from stages.errors import SourceError
from stages.records import Dropped, DropReason, FrameHeader, PixelFormat, StreamStart

SLOTS = 4
TIMES = Fraction(1, 25), 0, 32, 48


@pytest.fixture
def dispatcher(context, logbook, tmp_path):
    detectors = [f"ipc://{tmp_path}/detector"]
    return Dispatcher(context, detectors, 0, logbook, None, MotionChain(STILL), SLOTS)


def prepare(dispatcher, sequences):
    for sequence in sequences:
        dispatcher.prepare(sequence, sequence, np.array([[1, 0, 1], [0, 1, 0]], np.float32))


def header(number):
    return FrameHeader("cam", 0, number, number, number, *TIMES, PixelFormat.YUV420P)


def sent_at(dispatcher, logbook, position, number):
    """Sends a frame and returns its envelope from the logbook."""
    dispatcher.send(Departure(position, header(number), 0))
    return decode(msgspec.msgpack.decode(logbook.message(position)))


def test_memory_for_dropped_frames_is_bounded_and_their_motion_kept(dispatcher, logbook):
    tracemalloc.start()
    prepare(dispatcher, range(1000))
    before, _ = tracemalloc.get_traced_memory()
    prepare(dispatcher, range(1000, 5000))  # none of which is sent
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000  # a million if all were kept

    dispatcher.send(Departure(0, Dropped("cam", 0, 0, 4998, DropReason.BEHIND), None))
    envelope = sent_at(dispatcher, logbook, 1, 4999)
    assert envelope.work_ns == {"decoder": 4999}
    np.testing.assert_array_equal(envelope.record.motion, [[1, 0, 5000], [0, 1, 0]])


def test_times_and_motions_of_frames_in_all_slots_are_kept_until_sent(dispatcher, logbook):
    for first in (1, SLOTS + 1, 2 * SLOTS + 1):
        numbers = range(first, first + SLOTS)
        prepare(dispatcher, numbers)
        for number in numbers:
            envelope = sent_at(dispatcher, logbook, number, number)
            assert envelope.work_ns == {"decoder": number}
            np.testing.assert_array_equal(envelope.record.motion, [[1, 0, 1], [0, 1, 0]])


def test_frames_of_a_dead_detector_are_resent_with_their_pixels(context, logbook, tmp_path):
    ring = FrameRing(create_memory_file("dispatched")[1])
    shape = header(0).shape
    ring.reserve(2, math.prod(shape))
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(2)]
    receivers = [Receiver(context, endpoint) for endpoint in endpoints]
    motions = MotionChain(STILL)
    dispatcher = Dispatcher(context, endpoints, 0, logbook, ring, motions, SLOTS)
    for number in range(2):
        ring.slot(number, shape)[:] = 10 + number
        dispatcher.send(Departure(number, header(number), number))
    dispatcher.resend(1)
    received = [receivers[n].receive(10) for n in (0, 1, 1)]
    assert [each.position for each in received] == [0, 1, 1]
    assert [int(each.pixels.max()) for each in received] == [10, 11, 11]
    assert receivers[0].receive(0.05) is None
    ring.close()


def test_an_idle_detector_gets_the_next_record(context, logbook, tmp_path):
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(2)]
    receivers = [Receiver(context, endpoint) for endpoint in endpoints]
    dispatcher = Dispatcher(context, endpoints, 0, logbook, None, MotionChain(STILL), SLOTS)
    for position in range(3):
        dispatcher.send(Departure(position, header(position), 0))
    for position in (3, 4):
        dispatcher.acknowledge(3)
        dispatcher.send(Departure(position, header(position), 0))
    received = [receivers[n].receive(10) for n in (0, 0, 0, 1, 1)]
    assert [each and each.position for each in received] == [0, 2, 3, 1, 4]


def test_a_record_too_long_for_the_logbook_ends_the_stream(dispatcher):
    start = StreamStart("cam", 0, "x" * 10_000, 32, 48, Fraction(25), Fraction(1, 25))
    with pytest.raises(SourceError, match=r"^cam: a record of \d+ bytes is too long$"):
        dispatcher.send(Departure(0, start, None))
