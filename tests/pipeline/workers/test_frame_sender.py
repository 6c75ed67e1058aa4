import threading
from fractions import Fraction

import msgspec
import pytest
import zmq
from msgspec import structs

from pipeline.config import RunConfig, RuntimeConfig
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.feedback import Acknowledged, encode_feedback
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import MAX_POSITION, decode
from pipeline.workers.frame_sender import FrameSender
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)
from tests.pipeline.workers.conftest import Said
from tests.waiting import wait_for

RATE = Fraction(25)


@pytest.fixture
def live(plan, temporary, tmp_path):
    """The plan of a decoder in live mode: of its four slots, one may be under way."""
    folder = RuntimeFolder("live")
    folder.add_stream(0, "north", entries=40, lossless=False)
    config = RunConfig(runtime=RuntimeConfig(mode="live", slots=4, in_flight=1))
    yield structs.replace(
        plan, stage="decoder", config=config, streams=plan.streams[:1], sockets=folder.path
    )
    folder.close()


def start(epoch):
    return StreamStart("north", epoch, "north.mp4", 32, 48, RATE, 1 / RATE)


def frame(epoch, number):
    header = start(epoch).header(number, number, number, 0, PixelFormat.YUV420P)
    return Frame(header, None)


def broken(epoch, number):
    return Dropped("north", epoch, number, number, DropReason.BROKEN)


def give(sender, records):
    for record in records:
        if isinstance(record, Frame):
            sender.allocate(record.header.shape)
            sender.send(record.header, 0)
        else:
            sender.announce(record)


def sent(plan):
    """What was sent: starts, the numbers of frames whether they came or were dropped, the end."""
    told = []
    for _, message in Logbook(plan.logbook(0)).unacknowledged():
        record = decode(msgspec.msgpack.decode(message)).record
        if isinstance(record, Frame):
            told.append((record.header.epoch, record.header.sequence))
        elif isinstance(record, Dropped):
            told += [(record.epoch, number) for number in range(record.first, record.last + 1)]
        else:
            told.append((record.epoch, type(record)))
    return told


def test_what_waits_in_a_live_decoder_that_dies_is_sent_by_the_next_one_of_a_file(live):
    source = [
        *(start(0), frame(0, 0), broken(0, 1), *(frame(0, number) for number in range(2, 9))),
        *(start(1), frame(1, 9), broken(1, 10), frame(1, 11)),
        EndOfStream("north", 1, 12, EndReason.COMPLETE),
    ]
    with zmq.Context() as killed:
        sender = FrameSender(live, killed, Said(), False, threading.Event())
        give(sender, source[:11])  # the second start waits for the frames before it
        killed.destroy(linger=0)
    assert (0, 5) in sent(live)
    assert (1, StreamStart) not in sent(live)
    with zmq.Context() as context, context.socket(zmq.PUSH) as sink:
        sender = FrameSender(live, context, Said(), False, threading.Event())
        assert sender.is_skipping
        sink.connect(live.endpoint("ack-0"))
        sender.start()

        def has_ended():
            ended = (1, EndOfStream) in sent(live)
            sink.send(encode_feedback(Acknowledged(MAX_POSITION)))
            return ended

        give(sender, source)
        wait_for(has_ended)
        sender.close()
    assert sent(live) == [
        *((0, StreamStart), *((0, number) for number in range(9))),
        *((1, StreamStart), *((1, number) for number in range(9, 12)), (1, EndOfStream)),
    ]


@pytest.mark.parametrize("latest", [frame(0, 0), broken(0, 0)])
def test_what_a_decoder_kept_just_before_it_died_is_not_sent_twice(live, latest):
    logbook = Logbook(live.logbook(0))
    for _ in range(2):
        logbook[SharedNumber.ACCOUNTED] = 0  # the first one dies before it has accounted for it
        with zmq.Context() as killed:
            sender = FrameSender(live, killed, Said(), False, threading.Event())
            if not sender.is_skipping:
                give(sender, [start(0), latest])
            assert sent(live) == [(0, StreamStart), (0, 0)]
            assert logbook[SharedNumber.ACCOUNTED] == 1
            killed.destroy(linger=0)
    assert sender.given == 1


def test_a_decoder_ends_with_its_stream_though_no_acknowledgement_reaches_it(live):
    with zmq.Context() as context:
        sender = FrameSender(live, context, Said(), False, threading.Event())
        sender.start()
        give(sender, [start(0), frame(0, 0), EndOfStream("north", 0, 1, EndReason.COMPLETE)])
        Logbook(live.logbook(0))[SharedNumber.RELEASED] = 1
        sender.close()
        context.destroy(linger=0)
