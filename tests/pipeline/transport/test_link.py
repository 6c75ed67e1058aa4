import os
import threading
from fractions import Fraction

import numpy as np
import pytest

from pipeline.transport.envelope import Envelope
from pipeline.transport.link import BORROWED_BYTES, LeastLoadedSender, Receiver, Sender
from stages.records import Dropped, DropReason, Frame, FrameHeader, PixelFormat
from tests.waiting import wait_for

HEADER = FrameHeader("a", 0, 0, 0, 0, Fraction(1, 25), 0, 240, 320, PixelFormat.BGR24)


@pytest.mark.parametrize("copy", [True, False])
def test_inline_pixels_arrive(context, tmp_path, copy):
    receiver = Receiver(context, f"ipc://{tmp_path}/in", copy=copy)
    sender = Sender(context, f"ipc://{tmp_path}/in")
    pixels = np.random.default_rng(0).integers(0, 256, HEADER.shape, np.uint8)
    assert pixels.nbytes > BORROWED_BYTES
    for position in range(3):
        sender.send(Envelope(Frame(HEADER, None), pixels=pixels, position=position))
    for position in range(3):
        envelope = receiver.receive(5)
        assert envelope.position == position
        np.testing.assert_array_equal(envelope.pixels, pixels)
    assert receiver.receive(0) is None


def test_messages_that_have_arrived_are_received_without_waiting(context, tmp_path):
    receiver = Receiver(context, f"ipc://{tmp_path}/in")
    sender = Sender(context, f"ipc://{tmp_path}/in")
    for number in range(2):
        sender.send(Envelope(Dropped("a", 0, number, number, DropReason.BEHIND), position=number))
    assert receiver.receive(5).position == 0
    assert wait_for(lambda: receiver.receive(0)).position == 1


def test_a_flooding_sender_does_not_block_others(context):
    endpoint = "inproc://in"  # messages arrive at once
    receiver = Receiver(context, endpoint)
    flood, camera = (Sender(context, endpoint) for _ in range(2))
    camera.send(Envelope(Dropped("camera", 0, 0, 0, DropReason.BEHIND), position=0))
    assert receiver.receive(5).record.stream == "camera"  # it is connected, and idle for now
    for number in range(500):
        flood.send(Envelope(Dropped("file", 0, number, number, DropReason.BEHIND), position=number))
    assert receiver.receive(5).record.stream == "file"
    camera.send(Envelope(Dropped("camera", 0, 1, 1, DropReason.BEHIND), position=1))
    assert "camera" in [receiver.receive(5).record.stream for _ in range(4)]


def test_an_eventfd_ends_the_wait(context, tmp_path):
    wake = os.eventfd(1, os.EFD_NONBLOCK)
    turns = []
    receiver = Receiver(context, f"ipc://{tmp_path}/in", lambda: turns.append(1), wake)
    assert receiver.receive(60) is None
    assert turns == [1]
    os.close(wake)


def test_a_message_is_received_at_once_beside_an_eventfd(context, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.transport.link._SIGNAL_SECONDS", 60.0)
    wake, received = os.eventfd(0, os.EFD_NONBLOCK), []
    receiver = Receiver(context, f"ipc://{tmp_path}/in", wake=wake)
    waiting = threading.Thread(target=lambda: received.append(receiver.receive()), daemon=True)
    waiting.start()
    waiting.join(0.1)
    Sender(context, f"ipc://{tmp_path}/in").send(Envelope(Dropped("a", 0, 0, 0, DropReason.BEHIND)))
    waiting.join(20)
    assert len(received) == 1
    os.close(wake)


def test_a_message_larger_than_any_frame_is_not_accepted(context, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.transport.link.MAX_PART", 1000)
    receiver = Receiver(context, f"ipc://{tmp_path}/in")
    flood, stage = (Sender(context, f"ipc://{tmp_path}/in") for _ in range(2))
    flood.send_parts([b"a", bytes(1001)])
    assert receiver.receive(0.2) is None
    stage.send(Envelope(Dropped("a", 0, 0, 0, DropReason.BEHIND)))
    assert isinstance(receiver.receive(5).record, Dropped)
    assert receiver.malformed == 0


def test_malformed_messages_are_counted_but_not_all_logged(context, tmp_path, caplog):
    receiver = Receiver(context, f"ipc://{tmp_path}/in")
    sender = Sender(context, f"ipc://{tmp_path}/in")
    for _ in range(20):
        sender.send_parts([b"a", b"nonsense"])
    sender.send(Envelope(Dropped("a", 0, 0, 0, DropReason.BEHIND)))
    assert isinstance(receiver.receive(5).record, Dropped)
    assert receiver.malformed == 20
    assert 0 < len(caplog.records) < 20
    assert "dropped a malformed message (1 so far): header: " in caplog.records[0].getMessage()


def test_a_message_goes_to_the_worker_with_the_fewest_in_flight(context):
    sender = LeastLoadedSender(context, ["inproc://first", "inproc://second"])
    for position in range(3):
        sender.send(position, [b"record"])
    assert [sender.went_to(position, 0) for position in range(3)] == [True, False, True]
    sender.acknowledge(1)
    sender.acknowledge(1)
    sender.send(3, [b"record"])
    sender.send(4, [b"record"])
    assert [sender.went_to(position, 0) for position in (3, 4)] == [True, False]
