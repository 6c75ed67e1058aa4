import pytest
import zmq

from pipeline.transport.envelope import Envelope
from pipeline.transport.link import WAITING_MESSAGES, Receiver, Sender
from pipeline.transport.turns import Turns
from stages.records import Dropped, DropReason, Frame, FrameHeader
from tests.pipeline.transport.conftest import MALFORMED, SKIPPED, prepare

CAMERA, FILE = 0, 1


@pytest.fixture
def ends():
    """The senders of a camera's and a file's decoder, and the stage's `Turns` for both."""
    context = zmq.Context()
    endpoint = "inproc://stage"  # messages arrive at once
    turns = Turns(Receiver(context, endpoint), prepare)
    yield Sender(context, endpoint), Sender(context, endpoint), turns
    context.destroy(linger=0)


def frame(channel, position):
    header = FrameHeader.of_image(2, 2, str(channel), position)
    return Envelope(Frame(header, None), slot=0, channel=channel, position=position)


def dropped(channel, position):
    record = Dropped(str(channel), 0, position, position, DropReason.BEHIND)
    return Envelope(record, channel=channel, position=position)


def receive(turns, count):
    received = [turns.receive(5) for _ in range(count)]
    return [(each.channel, each.position, isinstance(each.record, Frame)) for each in received]


def test_a_stream_with_dropped_frames_gets_as_many_turns_as_another(ends):
    camera, file, turns = ends
    file.send(frame(FILE, 0))
    assert receive(turns, 1) == [(FILE, 0, True)]
    for position in range(0, 9, 3):
        camera.send(dropped(CAMERA, position))
        camera.send(dropped(CAMERA, position + 1))
        camera.send(frame(CAMERA, position + 2))
    for position in range(1, 9):
        file.send(frame(FILE, position))
    order = receive(turns, 17)
    frames = [channel for channel, _, is_frame in order if is_frame]
    assert frames[:6] in (3 * [CAMERA, FILE], 3 * [FILE, CAMERA])
    for sender in (CAMERA, FILE):
        positions = [position for channel, position, _ in order if channel == sender]
        assert positions == sorted(positions)
    assert not turns.pending
    assert turns.receive(0) is None


def test_a_message_is_pending_until_it_is_handed_out(ends):
    camera, _, turns = ends
    assert not turns.pending
    for position in range(2):
        camera.send(frame(CAMERA, position))
    assert turns.pending
    assert receive(turns, 1) == [(CAMERA, 0, True)]
    assert turns.pending
    assert receive(turns, 1) == [(CAMERA, 1, True)]
    assert not turns.pending


def test_messages_of_a_flood_beyond_the_limit_stay_in_the_receiver(ends):
    camera, _, turns = ends
    for position in range(WAITING_MESSAGES + 1):
        camera.send(dropped(CAMERA, position))
    turns.receive(5)
    assert turns._receiver.pending
    turns.receive(5)
    assert not turns._receiver.pending


def test_malformed_messages_are_counted_but_skipped_ones_are_not(ends):
    _, _, turns = ends
    taken = frame(CAMERA, 0)
    assert turns.prepared(taken) is taken
    assert turns.prepared(frame(CAMERA, SKIPPED)) is None
    assert turns._receiver.malformed == 0
    assert turns.prepared(frame(CAMERA, MALFORMED)) is None
    assert turns._receiver.malformed == 1
