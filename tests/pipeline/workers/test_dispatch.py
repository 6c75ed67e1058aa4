import math
from fractions import Fraction

import pytest

from pipeline.transport.flow import Departure
from pipeline.transport.link import Receiver
from pipeline.transport.ring import FrameRing, create_memory_file
from pipeline.workers.dispatch import Dispatcher
from stages.errors import SourceError
from stages.records import FrameHeader, PixelFormat, StreamStart

TIMES = Fraction(1, 25), 0, 32, 48


@pytest.fixture
def dispatcher(context, logbook, tmp_path):
    detectors = [f"ipc://{tmp_path}/detector"]
    return Dispatcher(context, detectors, 0, logbook, None)


def header(number):
    return FrameHeader("cam", 0, number, number, number, *TIMES, PixelFormat.YUV420P)


def test_frames_of_a_dead_detector_are_resent_with_their_pixels(context, logbook, tmp_path):
    ring = FrameRing(create_memory_file("dispatched")[1])
    shape = header(0).shape
    ring.reserve(2, math.prod(shape))
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(2)]
    receivers = [Receiver(context, endpoint) for endpoint in endpoints]
    dispatcher = Dispatcher(context, endpoints, 0, logbook, ring)
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
    dispatcher = Dispatcher(context, endpoints, 0, logbook, None)
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
