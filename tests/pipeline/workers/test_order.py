import random
import sys

from pipeline.transport.envelope import Envelope
from pipeline.workers.order import Sequencer
from stages.records import Dropped, DropReason


def envelope(position):
    return Envelope(Dropped("cam", 0, position, position, DropReason.BEHIND), position=position)


def positions(envelopes):
    return [each.position for each in envelopes]


def test_each_envelope_is_delivered_once_and_in_order():
    order = Sequencer(16)
    wanted = list(range(200))
    rng = random.Random(0)
    arriving = [p for start in range(0, 200, 8) for p in rng.sample(wanted[start : start + 8], 8)]
    for repeat in range(0, 200, 7):
        arriving.insert(arriving.index(repeat) + rng.randrange(20), repeat)
    assert positions(due for p in arriving for due in order.take(envelope(p))) == wanted


def test_envelopes_far_ahead_are_not_held():
    order = Sequencer(4)
    order.skip_to(5)
    assert order.take(envelope(9)) == []
    assert order.take(envelope(8)) == []
    assert order.take(envelope(4)) == []
    assert positions(p for n in (6, 7, 5) for p in order.take(envelope(n))) == [5, 6, 7, 8]
    assert order.due == 9


def test_held_envelopes_are_delivered_later_once_and_in_order():
    order = Sequencer(4)
    order.skip_to(2)
    for position in (3, 2, 1, 2, 5, 6):
        order.hold(envelope(position))
    assert order.due == 2
    assert positions(order.take_due()) == [2, 3]
    assert positions(order.take(envelope(4))) == [4, 5]
    assert order.take_due() == []


def test_envelopes_that_an_earlier_process_took_are_skipped():
    order = Sequencer(16)
    for position in (8, 9, 10):
        order.hold(envelope(position))
    order.skip_to(9)
    assert positions(order.take(envelope(8))) == [9, 10]


def test_skipped_envelopes_are_released():
    order, early = Sequencer(16), envelope(8)
    count = sys.getrefcount(early)
    order.hold(early)
    order.skip_to(9)
    assert sys.getrefcount(early) == count
