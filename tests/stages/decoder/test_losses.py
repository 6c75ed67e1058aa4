import av
import pytest

from stages.decoder.losses import LostFrames


def packet(pts, content=b"a frame"):
    made = av.Packet(content)
    made.pts = pts
    return made


def lost(sent, shown, failed=(), presented=True, frame=40):
    """Returns how many frames are lost before each shown frame, and after the last."""
    losses = LostFrames(presented=presented, frame=frame)
    for pts in sent:
        losses.sent(packet(pts))
        if pts in failed:
            losses.failed(packet(pts))
    return [losses.before(pts) for pts in shown] + [losses.rest()]


def test_frames_lost_without_an_error_are_found_by_their_packets():
    shown = [*range(0, 400, 40), *range(600, 800, 40)]
    assert lost(range(0, 800, 40), shown) == [0] * 10 + [5] + [0] * 5
    assert sum(lost(shown, shown)) == 0  # nothing was sent in between
    assert sum(lost(range(0, 800, 40), shown, presented=False)) == 0


def test_an_error_counts_one_lost_frame_wherever_it_is_raised():
    sent = range(0, 800, 40)
    shown = [pts for pts in sent if pts != 400]
    for raised in (400, 480):
        found = lost(sent, shown, failed=[raised], presented=False)
        assert found == [0] * 10 + [1] + [0] * 9
    assert lost(sent, sent[:-1], failed=[sent[-1]])[-1] == 1


def test_an_error_in_one_field_counts_one_lost_frame():
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame + 20)]
    shown = [pts for pts in range(0, 800, 40) if pts != 400]
    found = lost(fields, shown, failed=[400], presented=False)
    assert sum(found) == 1


def test_fields_that_share_a_time_add_no_losses_beside_an_error():
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame)]
    losses = LostFrames(presented=True, frame=40)
    for pts in fields:
        losses.sent(packet(pts))
    losses.failed(packet(400))
    shown = [pts for pts in range(0, 800, 40) if pts != 400]
    assert [losses.before(pts) for pts in shown] == [0] * 10 + [1] + [0] * 8


def test_an_error_that_loses_no_frame_is_not_a_loss():
    sent = range(0, 800, 40)
    assert lost(sent, sent, failed=[400]) == [0] * 21


@pytest.mark.parametrize("shift", [0, 1, 20])
def test_second_field_packets_are_not_losses(shift):
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame + shift)]
    assert sum(lost(fields, range(0, 800, 40))) == 0


def test_times_that_go_back_are_not_losses():
    sent = [*range(0, 800, 40), *range(0, 800, 40)]
    assert sum(lost(sent, sent)) == 0
    shown = [
        0,
        80,
        40,
        *range(120, 400, 40),
        *range(600, 800, 40),
    ]  # from then on, gaps are not losses either
    assert sum(lost(range(0, 800, 40), shown)) == 0


def test_frames_lost_among_the_first_are_found_by_the_stated_length():
    shown = [0, 40, *range(400, 800, 40)]
    assert lost(range(0, 800, 40), shown) == [0, 0, 8] + [0] * 10
    assert lost(range(0, 800, 40), [0, 40, *range(120, 800, 40)]) == [0, 0, 1] + [0] * 17
    assert sum(lost(range(0, 800, 40), [0, *range(80, 800, 40)])) == 0  # or a second field


@pytest.mark.parametrize("frame", [20, 40])  # the stated rate may be that of fields
@pytest.mark.parametrize("shift", [0, 1, 20])
def test_fields_are_not_losses_while_the_step_is_unknown(shift, frame):
    fields = [pts for start in range(0, 160, 40) for pts in (start, start + shift)]
    assert sum(lost(fields, range(0, 160, 40), frame=frame)) == 0


def test_frames_lost_at_the_end_without_an_error_are_found():
    assert lost(range(0, 800, 40), range(0, 400, 40)) == [0] * 10 + [10]
    fields = [pts for start in range(0, 800, 40) for pts in (start, start + 20)]
    assert lost(fields, range(0, 400, 40)) == [0] * 10 + [10]
    assert lost(range(0, 800, 40), range(0, 400, 40), presented=False)[-1] == 0


def test_losses_are_found_after_a_clock_was_set_back():
    losses = LostFrames(presented=True, frame=40)
    found = []
    for start, lost_at in ((10_000, 10_600), (0, 600)):
        sent = range(start, start + 1000, 40)
        shown = [pts for pts in sent if not lost_at <= pts < lost_at + 120]
        for pts in sent:
            losses.sent(packet(pts))
        found.append([losses.before(pts) for pts in shown])
    assert [(sum(each), max(each)) for each in found] == [(3, 3), (3, 3)]


def test_a_frame_counted_as_lost_is_late_for_a_while():
    losses = LostFrames(presented=True, frame=40)
    shown = [*range(0, 400, 40), 600]
    for pts in range(0, 2000, 40):
        losses.sent(packet(pts))
    for pts in shown:
        assert not losses.is_late(pts)
        losses.before(pts)
    assert losses.is_late(400)
    for pts in range(640, 1400, 40):
        losses.before(pts)
    assert not losses.is_late(400)


def test_no_frame_is_late_if_it_is_unknown_which_one_was_lost():
    losses = LostFrames(presented=True, frame=60)
    for pts in (0, 40, 80, 120):
        losses.sent(packet(pts))
    losses.failed(packet(80))
    assert [losses.before(0), losses.before(120)] == [0, 1]
    assert not losses.is_late(40)


def test_a_failed_packet_without_a_time_counts_where_it_fails():
    losses = LostFrames(presented=True, frame=40)
    losses.failed(packet(None))
    assert [losses.before(None), losses.before(None)] == [1, 0]
