import threading
from fractions import Fraction

import numpy as np
import pytest

from pipeline.flow import BEHIND, FlowControl
from pipeline.ring import FrameRing, create_ring_file
from stages.records import Dropped, FrameHeader, PixelFormat


def header(sequence):
    return FrameHeader(
        "cam", 0, sequence, sequence, sequence, Fraction(1, 25), 0, 4, 4, PixelFormat.YUV420P
    )


def test_lossless_waits_for_the_acknowledgement():
    flow = FlowControl(2, 2, "lossless")
    for sequence in range(2):
        flow.offer(header(sequence), flow.acquire())
        assert flow.next_to_send()[0].sequence == sequence
    got = []
    waiter = threading.Thread(target=lambda: got.append(flow.acquire()))
    waiter.start()
    waiter.join(0.1)
    assert got == []
    flow.acknowledge(0)
    waiter.join(2)
    assert got == [0]


def test_live_drops_the_oldest_waiting_frame():
    flow = FlowControl(3, 1, "live")
    flow.offer(header(0), flow.acquire())
    assert flow.next_to_send()[0].sequence == 0
    for sequence in range(1, 6):
        flow.offer(header(sequence), flow.acquire())
    assert flow.next_to_send() == Dropped("cam", 0, 1, 3, BEHIND)
    assert flow.next_to_send() is None
    flow.acknowledge(0)
    assert flow.next_to_send() == Dropped("cam", 0, 4, 4, BEHIND)
    assert flow.next_to_send()[0].sequence == 5
    assert flow.next_to_send() is None


def test_a_drop_is_told_where_the_frame_would_have_been():
    flow = FlowControl(2, 1, "live")
    flow.offer(header(0), flow.acquire())
    broken = Dropped("cam", 0, 1, 1, "broken frame")
    flow.announce(broken)
    for sequence in range(2, 6):
        flow.offer(header(sequence), flow.acquire())
    assert [flow.next_to_send() for _ in range(3)] == [
        Dropped("cam", 0, 0, 0, BEHIND),
        broken,
        Dropped("cam", 0, 2, 4, BEHIND),
    ]
    assert flow.next_to_send()[0].sequence == 5


def test_what_waits_is_bounded_however_long_nobody_takes_it():
    flow = FlowControl(4, 1, "live")
    for sequence in range(10_000):
        flow.offer(header(sequence), flow.acquire())
    taken = []
    while (item := flow.next_to_send()) is not None:
        taken.append(item)
    assert taken[0] == Dropped("cam", 0, 0, 9_998, BEHIND)
    assert len(taken) == 2


def test_live_sends_the_latest_frames_and_a_burst_that_fits_is_kept():
    flow = FlowControl(8, 2, "live")
    for sequence in range(4):
        flow.offer(header(sequence), flow.acquire())
        assert (flow.next_to_send() is None) is (sequence >= 2)
    flow.acknowledge(0)
    assert flow.next_to_send()[0].sequence == 2
    for sequence in range(4, 8):
        flow.offer(header(sequence), flow.acquire())
    flow.acknowledge(1)
    assert flow.next_to_send() == Dropped("cam", 0, 3, 5, BEHIND)
    assert flow.next_to_send()[0].sequence == 6
    slots = {flow.acquire() for _ in range(5)}
    assert len(slots) == 5


def test_acknowledging_twice_frees_one_slot():
    flow = FlowControl(2, 2, "lossless")
    flow.offer(header(0), flow.acquire())
    flow.next_to_send()
    flow.acknowledge(0)
    flow.acknowledge(0)
    assert {flow.acquire(), flow.acquire()} == {0, 1}
    flow.close()
    assert flow.acquire() is None


def test_a_ring_shows_one_memory_to_two_openers():
    _, path = create_ring_file("test")
    writer, reader = FrameRing(path), FrameRing(path)
    writer.reserve(3, 6 * 5)
    writer.slot(2, (6, 5))[:] = np.arange(30).reshape(6, 5)
    np.testing.assert_array_equal(reader.slot(2, (6, 5)), np.arange(30).reshape(6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(3, (6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(-1, (6, 5))
