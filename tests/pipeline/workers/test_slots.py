import os

import pytest

from pipeline.transport.flow import FlowControl
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.ring import FrameRing, create_memory_file
from pipeline.workers.slots import SlotAllocator
from stages.records import Dropped, DropReason


class SilentReporter:
    """Tells nobody."""

    def alive(self):
        pass


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
def slots(logbook, ring, flow):
    return SlotAllocator(ring, 2, flow, logbook, SilentReporter())


def test_each_frame_gets_a_slot_and_one_that_was_given_up_is_lent_again(slots, ring):
    slots.allocate((2, 3))[:] = 1
    slots.allocate((2, 3))[:] = 2
    number, waited_ns = slots.take()
    assert waited_ns > 0
    assert (ring.slot(number, (2, 3)) == 2).all()
    slots.allocate((2, 3))[:] = 3
    assert slots.take()[0] != number
    assert (ring.slot(number, (2, 3)) == 2).all()


def test_slots_grow_with_the_frames(slots, logbook):
    slots.allocate((2, 3))
    larger = slots.allocate((200, 300))
    assert larger.shape == (200, 300)
    assert logbook[SharedNumber.SLOT_BYTES] == 60_000


def test_who_waits_for_slots_in_use_is_interrupted_by_the_end(slots, flow):
    slots.allocate((2, 3))
    slots.take()
    flow.announce(Dropped("cam", 0, 0, 0, DropReason.BROKEN))
    flow.close()
    with pytest.raises(InterruptedError):
        slots.allocate((4, 6))  # what is on its way has the old size
    slots.take()
    with pytest.raises(InterruptedError):
        slots.allocate((2, 3))
