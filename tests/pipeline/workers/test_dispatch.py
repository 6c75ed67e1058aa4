import tracemalloc
from fractions import Fraction

import msgspec
import numpy as np
import pytest
import zmq

from pipeline.transport.flow import Departure
from pipeline.transport.messages import decode
from pipeline.workers.dispatch import Dispatcher
from pipeline.workers.motion_chain import MotionChain
from stages.decoder.motion import STILL
from stages.records import Dropped, DropReason, FrameHeader, PixelFormat

SLOTS = 4


@pytest.fixture
def dispatcher(logbook, tmp_path):
    with zmq.Context() as context:
        detectors = [f"ipc://{tmp_path}/detector"]
        dispatcher = Dispatcher(context, detectors, 0, logbook, None, MotionChain(STILL), SLOTS)
        yield dispatcher
        dispatcher.close()


def prepare(dispatcher, sequences):
    for sequence in sequences:
        dispatcher.prepare(sequence, sequence, np.array([[1, 0, 1], [0, 1, 0]], np.float32))


def test_what_is_known_of_dropped_frames_is_bounded_and_their_motion_not_lost(dispatcher, logbook):
    tracemalloc.start()
    prepare(dispatcher, range(1000))
    before, _ = tracemalloc.get_traced_memory()
    prepare(dispatcher, range(1000, 5000))  # none of which is sent
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000  # a million if all were kept

    times = Fraction(1, 25), 0, 32, 48
    header = FrameHeader("cam", 0, 4999, 4999, 4999, *times, PixelFormat.YUV420P)
    dispatcher.send(Departure(0, Dropped("cam", 0, 0, 4998, DropReason.BEHIND), None))
    dispatcher.send(Departure(1, header, 0))
    envelope = decode(msgspec.msgpack.decode(logbook.message(1)))
    assert envelope.work_ns == {"decoder": 4999}
    np.testing.assert_array_equal(envelope.record.motion, [[1, 0, 5000], [0, 1, 0]])
