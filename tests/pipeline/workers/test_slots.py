import itertools
import os
import time
from fractions import Fraction

import pytest

from pipeline.transport.flow import FlowControl
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import FrameRing, create_memory_file
from pipeline.workers.slots import SlotAllocator
from stages.records import Dropped, DropReason, FrameHeader, PixelFormat


class Reporter:
    """Calls the function that a test sets whenever the process reports that it is alive."""

    def __init__(self):
        self.then = lambda: None

    def alive(self):
        self.then()


@pytest.fixture
def logbook():
    descriptor, path = create_memory_file("logbook")
    yield Logbook.create(path, stream="cam", entries=4, lossless=True)
    os.close(descriptor)


@pytest.fixture
def ring():
    descriptor, path = create_memory_file("ring")
    yield FrameRing(path)
    os.close(descriptor)


@pytest.fixture
def flow():
    return FlowControl(2, 2, live=False)


@pytest.fixture
def reporter():
    return Reporter()


@pytest.fixture
def slots(logbook, ring, flow, reporter):
    return SlotAllocator(ring, 2, flow, logbook, reporter)


def test_each_frame_gets_a_slot_and_an_abandoned_slot_is_reused(slots, ring):
    slots.allocate((2, 3))[:] = 1
    slots.allocate((2, 3))[:] = 2
    number, waited_ns = slots.take()
    assert waited_ns > 0
    assert (ring.slot(number, (2, 3)) == 2).all()
    slots.allocate((2, 3))[:] = 3
    assert slots.take()[0] != number
    assert (ring.slot(number, (2, 3)) == 2).all()


def test_a_frames_wait_sums_its_own_allocation_attempts_only(slots, monkeypatch):
    clock = itertools.count(0, 5)  # at the beginning and the end of each attempt
    monkeypatch.setattr(time, "monotonic_ns", clock.__next__)
    waited = []
    for attempts in (2, 1):
        for _ in range(attempts):
            slots.allocate((2, 3))
        waited.append(slots.take()[1])
    assert waited == [10, 5]


def test_slots_are_as_large_as_the_frames(slots, logbook):
    slots.allocate((2, 3))
    larger = slots.allocate((200, 300))
    assert larger.shape == (200, 300)
    assert logbook[SharedNumber.SLOT_BYTES] == 60_000
    slots.allocate((2, 3))
    assert logbook[SharedNumber.SLOT_BYTES] == 6


@pytest.mark.parametrize("other", [(4, 6), (1, 3)])
def test_waiting_for_a_slot_is_interrupted_when_the_flow_closes(slots, flow, other):
    slots.allocate((2, 3))
    slots.take()
    flow.announce(Dropped("cam", 0, 0, 0, DropReason.BROKEN))
    flow.close()
    with pytest.raises(InterruptedError):
        slots.allocate(other)  # the frames in flight have the old size
    slots.take()
    with pytest.raises(InterruptedError):
        slots.allocate((2, 3))


@pytest.mark.parametrize(("under_way", "shape"), [(2, (2, 3)), (1, (4, 6))])
def test_the_process_reports_alive_while_it_waits_for_a_slot(
    slots, flow, reporter, under_way, shape
):
    header = FrameHeader("cam", 0, 0, 0, 0, Fraction(1, 25), 0, 2, 3, PixelFormat.BGR24)
    for _ in range(under_way):
        slots.allocate((2, 3))
        flow.offer(header, slots.take()[0])
        flow.next_to_send()
    reporter.then = lambda: flow.acknowledge(under_way)
    assert slots.allocate(shape).shape == shape
