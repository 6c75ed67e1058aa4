from fractions import Fraction

import msgspec
import pytest

from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import encode
from pipeline.transport.ring import create_memory_file
from pipeline.workers.predecessor import Predecessor
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)

RATE = Fraction(25)
START = StreamStart("north", 0, "north.mp4", 32, 48, RATE, 1 / RATE)
END = EndOfStream("north", 0, 5, EndReason.COMPLETE)


@pytest.fixture
def logbook_of():
    """Makes the logbook of a stream that has sent these records, with frames in slots from 0 on."""

    def make(records, *, lossless=False, **numbers):
        _, path = create_memory_file("test")
        logbook = Logbook.create(path, stream="north", entries=20, lossless=lossless)
        slot = 0
        for position, record in enumerate(records):
            is_frame = isinstance(record, Frame)
            envelope = Envelope(record, slot=slot if is_frame else None, position=position)
            logbook.keep(position, msgspec.msgpack.encode(encode(envelope)))
            slot += is_frame
        for name, number in numbers.items():
            logbook[SharedNumber[name]] = number
        return logbook

    return make


def frame(number):
    return Frame(START.header(number, number, number, 0, PixelFormat.YUV420P), None)


def dropped(first, last, epoch=0):
    return Dropped("north", epoch, first, last, DropReason.BEHIND)


@pytest.mark.parametrize("lossless", [True, False])
def test_the_first_decoder_of_a_stream_inherits_nothing(logbook_of, lossless):
    predecessor = Predecessor.in_logbook(logbook_of([], lossless=lossless))
    assert predecessor == Predecessor({}, 0, 0, ended=False, yielded=0, lost=None)


def test_unacknowledged_records_are_found_with_their_slots(logbook_of):
    records = [START, frame(0), dropped(1, 2), frame(3)]
    predecessor = Predecessor.in_logbook(logbook_of(records, ACKNOWLEDGED=1))
    assert predecessor.sent == {1: 0, 2: None, 3: 1}
    assert predecessor.position == 4


def test_the_next_position_is_known_when_all_records_are_acknowledged(logbook_of):
    predecessor = Predecessor.in_logbook(logbook_of([START, frame(0)], ACKNOWLEDGED=2, ACCOUNTED=1))
    assert (predecessor.sent, predecessor.position, predecessor.given) == ({}, 2, 1)


@pytest.mark.parametrize(("last", "given"), [(frame(3), 4), (dropped(3, 6), 7)])
def test_records_sent_but_not_accounted_for_count_as_given(logbook_of, last, given):
    predecessor = Predecessor.in_logbook(logbook_of([START, frame(0), last], ACCOUNTED=1))
    assert predecessor.given == given


@pytest.mark.parametrize(
    ("records", "lossless", "yielded"),
    [
        ([START, frame(0), frame(1)], True, 3),
        ([START, frame(0), frame(1)], False, 3),
        ([START, frame(0), dropped(1, 4)], False, 6),  # the source yields these four one by one
        ([START, frame(0), dropped(1, 4, epoch=2)], False, 8),  # and two more starts
    ],
)
def test_yielded_counts_the_records_that_a_restarted_source_repeats(
    logbook_of, records, lossless, yielded
):
    assert Predecessor.in_logbook(logbook_of(records, lossless=lossless)).yielded == yielded


def test_frames_that_waited_unsent_are_lost(logbook_of):
    predecessor = Predecessor.in_logbook(logbook_of([START, frame(0)], SEQUENCE=5, EPOCHS=3))
    assert predecessor.lost == Dropped("north", 2, 1, 4, DropReason.RESTARTED)
    assert predecessor.given == 1


def test_an_ended_stream_has_lost_nothing(logbook_of):
    predecessor = Predecessor.in_logbook(logbook_of([START, frame(0), END], SEQUENCE=5, EPOCHS=1))
    assert (predecessor.ended, predecessor.lost) == (True, None)
