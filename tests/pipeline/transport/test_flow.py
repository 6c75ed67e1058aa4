import threading
from fractions import Fraction

import numpy as np
import pytest

from pipeline.transport.flow import FlowControl
from stages.records import Dropped, DropReason, FrameHeader, PixelFormat


def header(sequence):
    return FrameHeader(
        "cam", 0, sequence, sequence, sequence, Fraction(1, 25), 0, 4, 4, PixelFormat.YUV420P
    )


def offer_frames(flow, frames):
    """Offers frames one by one, and sends each that may be sent."""
    for sequence in range(frames):
        flow.offer(header(sequence), flow.acquire())
        flow.next_to_send()


def next_item(flow):
    departure = flow.next_to_send()
    return departure and departure.item


def shift(x):
    return np.array([[1, 0, x], [0, 1, 0]], np.float32)


def zoom(factor):
    return np.array([[factor, 0, 0], [0, factor, 0]], np.float32)


def latest_motion(motions, **options):
    """Returns the motion sent with the last of frames of which all others are dropped."""
    flow = FlowControl(len(motions), 1, live=True, monotonic=(clock := Clock()), **options)
    for sequence, motion in enumerate(motions):
        flow.offer(header(sequence), flow.acquire(), motion=motion)
    clock.now = 9.0
    dropped = Dropped("cam", 0, 0, len(motions) - 2, DropReason.BEHIND)
    assert next_item(flow) == dropped
    departure = flow.next_to_send()
    assert departure.item == header(len(motions) - 1)
    return departure.motion


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def only_when_notified(flow):
    """Disables timed wake-ups of waiting threads."""
    wait = flow._changed.wait
    flow._changed.wait = lambda seconds: wait()


def test_lossless_waits_until_a_frame_is_acknowledged():
    flow = FlowControl(2, 2, live=False)
    only_when_notified(flow)
    for sequence in range(2):
        flow.offer(header(sequence), flow.acquire())
    acquired = []
    waiter = threading.Thread(target=lambda: acquired.append(flow.acquire()), daemon=True)
    waiter.start()
    waiter.join(0.1)
    assert acquired == []
    assert [next_item(flow).sequence for _ in range(2)] == [0, 1]
    waiter.join(0.1)
    assert acquired == []
    flow.acknowledge(1)
    waiter.join(10)
    assert acquired == [0]


def test_a_wait_for_a_slot_ends_when_the_flow_closes():
    flow, acquired = FlowControl(2, 2, live=False), []
    only_when_notified(flow)
    for _ in range(2):
        flow.acquire()
    waiter = threading.Thread(target=lambda: acquired.append(flow.acquire()), daemon=True)
    waiter.start()
    waiter.join(0.1)
    flow.close()
    waiter.join(10)
    assert acquired == [None]


def test_lossless_drops_nothing_however_far_behind_the_stages_are():
    clock = Clock()
    flow = FlowControl(4, 2, live=False, monotonic=clock)
    offer_frames(flow, 4)
    clock.now = 9.0
    flow.acknowledge(2)
    assert [next_item(flow).sequence for _ in range(2)] == [2, 3]


def test_the_flow_is_not_idle_while_a_record_waits_or_is_in_flight():
    flow = FlowControl(2, 2, live=False)
    assert flow.idle
    for add in (
        lambda: flow.announce(Dropped("cam", 0, 0, 0, DropReason.BROKEN)),
        lambda: flow.offer(header(1), flow.acquire()),
    ):
        add()
        assert not flow.idle
        position = flow.next_to_send().position
        assert not flow.idle
        flow.acknowledge(position + 1)
        assert flow.idle


def test_live_without_a_free_slot_drops_the_oldest_waiting_frame():
    flow = FlowControl(3, 1, live=True)
    flow.offer(header(0), flow.acquire())
    assert next_item(flow).sequence == 0
    for sequence in range(1, 6):
        flow.offer(header(sequence), flow.acquire())
    assert next_item(flow) == Dropped("cam", 0, 1, 3, DropReason.BEHIND)
    assert flow.next_to_send() is None
    flow.acknowledge(1)
    assert next_item(flow).sequence == 4


def test_a_drop_is_reported_in_the_position_of_the_frame():
    flow = FlowControl(2, 1, live=True)
    flow.offer(header(0), flow.acquire())
    flow.announce(Dropped("cam", 0, 1, 1, DropReason.BROKEN))
    for sequence in range(2, 6):
        flow.offer(header(sequence), flow.acquire())
    assert flow.waiting == 2
    assert [next_item(flow) for _ in range(2)] == [
        Dropped("cam", 0, 0, 2, DropReason.BEHIND),
        Dropped("cam", 0, 3, 3, DropReason.BROKEN),
    ]
    assert next_item(flow).sequence == 4


def test_the_number_of_waiting_records_is_bounded():
    flow = FlowControl(4, 1, live=True, monotonic=Clock())
    for sequence in range(10_000):
        flow.offer(header(sequence), flow.acquire())
    taken = []
    while (item := next_item(flow)) is not None:
        taken.append(item)
    assert taken[0] == Dropped("cam", 0, 0, 9_995, DropReason.BEHIND)
    assert len(taken) == 2


def test_broken_frames_among_dropped_ones_are_counted_and_bounded():
    flow = FlowControl(4, 1, live=True, monotonic=Clock())
    for sequence in range(0, 10_000, 2):
        flow.offer(header(sequence), flow.acquire())
        flow.announce(Dropped("cam", 0, sequence + 1, sequence + 1, DropReason.BROKEN))
    assert [next_item(flow) for _ in range(5)] == [
        Dropped("cam", 0, 0, 4995, DropReason.BEHIND),
        Dropped("cam", 0, 4996, 9991, DropReason.BROKEN),
        header(9992),
        Dropped("cam", 0, 9993, 9993, DropReason.BROKEN),
        None,
    ]


def test_drops_of_one_reason_and_epoch_wait_as_one_record():
    flow = FlowControl(4, 1, live=True)
    for epoch, first, last in [(0, 0, 0), (0, 1, 3), (1, 4, 5), (1, 7, 7)]:
        flow.announce(Dropped("cam", epoch, first, last, DropReason.BROKEN))
    assert [next_item(flow) for _ in range(4)] == [
        Dropped("cam", 0, 0, 3, DropReason.BROKEN),
        Dropped("cam", 1, 4, 5, DropReason.BROKEN),
        Dropped("cam", 1, 7, 7, DropReason.BROKEN),
        None,
    ]


def test_waiting_drops_merge_by_reason_and_their_numbers_stay_adjacent():
    flow = FlowControl(4, 1, live=True)
    reasons = [DropReason.BEHIND, DropReason.BROKEN, DropReason.UNREADABLE]
    for number, reason in enumerate([*reasons, DropReason.BEHIND]):
        flow.announce(Dropped("cam", 0, number, number, reason))
    assert [next_item(flow) for _ in range(4)] == [
        Dropped("cam", 0, 0, 1, DropReason.BEHIND),
        Dropped("cam", 0, 2, 2, DropReason.BROKEN),
        Dropped("cam", 0, 3, 3, DropReason.UNREADABLE),
        None,
    ]


def test_a_burst_that_fits_is_kept():
    clock = Clock()
    flow = FlowControl(8, 2, live=True, monotonic=clock)
    for burst in range(3):
        clock.now += 5
        for sequence in range(8 * burst, 8 * burst + 8):
            flow.offer(header(sequence), flow.acquire())
            assert (flow.next_to_send() is None) is (sequence >= 8 * burst + 2)
        for sequence in range(8 * burst + 2, 8 * burst + 8):
            clock.now += 0.1
            flow.acknowledge(sequence - 1)
            assert next_item(flow).sequence == sequence
        flow.acknowledge(8 * burst + 8)
        assert flow.idle


def test_stages_that_lag_get_the_latest_frames():
    clock = Clock()
    flow = FlowControl(8, 3, live=True, monotonic=clock)
    for sequence in range(8):
        flow.offer(header(sequence), flow.acquire())
        assert (flow.next_to_send() is None) is (sequence >= 3)
    clock.now = 1.1
    flow.acknowledge(1)
    assert next_item(flow) == Dropped("cam", 0, 3, 5, DropReason.BEHIND)
    assert next_item(flow).sequence == 6
    slots = {flow.acquire() for _ in range(4)}
    assert len(slots) == 4
    flow.offer(header(8), slots.pop())
    clock.now = 1.2  # still behind: no frame has found the stages idle
    flow.acknowledge(3)
    assert next_item(flow).sequence == 7


def test_stages_are_not_idle_for_a_frame_that_arrives_behind_others():
    clock = Clock()
    flow = FlowControl(8, 3, live=True, monotonic=clock)
    offer_frames(flow, 8)
    clock.now = 1.1
    flow.acknowledge(1)
    flow.offer(header(8), flow.acquire())  # before any waiting frame is sent
    assert next_item(flow) == Dropped("cam", 0, 3, 6, DropReason.BEHIND)
    assert next_item(flow).sequence == 7


def test_a_single_frame_in_flight_is_the_latest_while_the_stages_lag():
    clock = Clock()
    flow = FlowControl(4, 1, live=True, monotonic=clock)
    offer_frames(flow, 3)
    clock.now = 1.1
    flow.acknowledge(1)
    for latest in (2, 4):  # nothing waits when the next frame arrives, and the stages are not idle
        assert next_item(flow) == Dropped("cam", 0, latest - 1, latest - 1, DropReason.BEHIND)
        departure = flow.next_to_send()
        assert departure.item.sequence == latest
        for sequence in (latest + 1, latest + 2):
            flow.offer(header(sequence), flow.acquire())
        flow.acknowledge(departure.position + 1)


def test_the_work_on_a_frame_and_its_motion_are_sent_with_it():
    flow = FlowControl(3, 1, live=True)
    for sequence in range(5):
        flow.offer(header(sequence), flow.acquire(), 10 + sequence, shift(2**sequence))
    for sequence, x in [(2, 1 + 2 + 4), (3, 8), (4, 16)]:
        departures = [flow.next_to_send()]
        if sequence == 2:
            assert departures[0].item == Dropped("cam", 0, 0, 1, DropReason.BEHIND)
            departures.append(flow.next_to_send())
        frame = departures[-1]
        assert (frame.item.sequence, frame.work_ns) == (sequence, 10 + sequence)
        np.testing.assert_array_equal(frame.motion, shift(x))
        flow.acknowledge(frame.position + 1)


def test_motions_of_stale_frames_are_added_to_the_next_sent_frame():
    np.testing.assert_array_equal(latest_motion([shift(x) for x in (1, 2, 4, 8)]), shift(15))


def test_zooms_and_pans_are_composed_in_frame_order():
    motion = latest_motion([zoom(2), shift(1), zoom(2)])
    np.testing.assert_array_equal(motion, [[4, 0, 2], [0, 4, 0]])


@pytest.mark.parametrize("motions", [[shift(1), None, shift(1)], [shift(1), shift(1), None]])
def test_a_motion_over_one_unknown_is_unknown(motions):
    assert latest_motion(motions) is None


def test_an_unknown_motion_affects_only_the_next_sent_frame():
    flow = FlowControl(3, 3, live=False, motion=None)
    for sequence in range(3):
        flow.offer(header(sequence), flow.acquire(), motion=shift(1))
    motions = [flow.next_to_send().motion for _ in range(3)]
    assert motions[0] is None
    np.testing.assert_array_equal(motions[1:], [shift(1)] * 2)


@pytest.mark.parametrize("motion", [zoom(4), zoom(0.25), shift(6e5), shift(-6e5)])
def test_an_implausibly_large_motion_is_unknown(motion):
    assert latest_motion([motion] * 2) is None


def test_acknowledging_twice_frees_one_slot():
    flow = FlowControl(2, 2, live=False)
    flow.offer(header(0), flow.acquire())
    flow.next_to_send()
    flow.acknowledge(1)
    flow.acknowledge(1)
    assert {flow.acquire(), flow.acquire()} == {0, 1}
    flow.close()
    assert flow.acquire() is None


def test_a_second_decoder_continues_with_what_the_first_had_sent():
    flow = FlowControl(3, 3, live=False, sent={4: 1, 5: None, 6: 0}, position=7)
    assert flow.acquire() == 2
    flow.offer(header(0), 2)
    assert flow.next_to_send().position == 7
    flow.acknowledge(6)
    assert flow.acquire() == 1
    flow.acknowledge(7)
    assert not flow.idle
    flow.acknowledge(8)
    assert flow.idle


def test_endless_events_wait_for_room_in_the_logbook():
    flow = FlowControl(2, 2, live=False, window=3)
    for number in range(5):
        flow.announce(Dropped("cam", 0, number, number, DropReason.BROKEN))
    assert [flow.next_to_send() is None for _ in range(4)] == [False, False, False, True]
    flow.acknowledge(2)
    assert flow.next_to_send().position == 3
