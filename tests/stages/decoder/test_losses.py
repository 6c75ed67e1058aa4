import av
import pytest

from stages.decoder.losses import LostFrames


def packet(pts, content=b"a frame"):
    made = av.Packet(content)
    made.pts = pts
    return made


def lost(sent, shown, failed=(), presented=True):
    """How many frames are lost before each that is shown, and after the last."""
    losses = LostFrames(presented=presented)
    for pts in sent:
        losses.sent(packet(pts))
        if pts in failed:
            losses.failed(packet(pts))
    return [losses.before(pts) for pts in shown] + [losses.rest()]


def test_a_hole_without_an_error_is_found_by_its_packets():
    shown = [*range(0, 400, 40), *range(600, 800, 40)]
    assert lost(range(0, 800, 40), shown) == [0] * 10 + [5] + [0] * 5
    assert sum(lost(shown, shown)) == 0  # nothing was sent in between
    assert sum(lost(range(0, 800, 40), shown, presented=False)) == 0


def test_an_error_tells_of_one_frame_wherever_it_is_raised():
    sent = range(0, 800, 40)
    shown = [pts for pts in sent if pts != 400]
    for raised in (400, 480):
        found = lost(sent, shown, failed=[raised], presented=False)
        assert found == [0] * 10 + [1] + [0] * 9
    assert lost(sent, sent[:-1], failed=[sent[-1]])[-1] == 1


def test_an_error_counts_for_one_frame_only():
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame + 20)]
    shown = [pts for pts in range(0, 800, 40) if pts != 400]
    found = lost(fields, shown, failed=[400], presented=False)
    assert sum(found) == 1


def test_both_fields_of_a_frame_are_no_loss_where_an_error_waits():
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame)]
    losses = LostFrames(presented=True)
    for pts in fields:
        losses.sent(packet(pts))
    losses.failed(packet(400))
    shown = [pts for pts in range(0, 800, 40) if pts != 400]
    assert [losses.before(pts) for pts in shown] == [0] * 10 + [1] + [0] * 8


def test_an_error_that_cost_no_frame_is_no_loss():
    sent = range(0, 800, 40)
    assert lost(sent, sent, failed=[400]) == [0] * 21


@pytest.mark.parametrize("shift", [0, 1, 20])
def test_packets_that_are_not_shown_are_no_loss(shift):
    fields = [pts for frame in range(0, 800, 40) for pts in (frame, frame + shift)]
    assert sum(lost(fields, range(0, 800, 40))) == 0


def test_times_that_fall_back_are_no_loss():
    sent = [*range(0, 800, 40), *range(0, 800, 40)]
    assert sum(lost(sent, sent)) == 0
    shown = [0, 80, 40, *range(120, 400, 40), *range(600, 800, 40)]  # and no hole is, from then on
    assert sum(lost(range(0, 800, 40), shown)) == 0


def test_a_frame_that_comes_after_all_is_late_for_a_while():
    losses = LostFrames(presented=True)
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


def test_none_is_late_where_it_is_not_known_which_is_lost():
    losses = LostFrames(presented=True)
    for pts in (0, 40, 80, 120):
        losses.sent(packet(pts))
    losses.failed(packet(80))
    assert [losses.before(0), losses.before(120)] == [0, 1]
    assert not losses.is_late(40)


def test_a_packet_without_a_time_is_lost_where_it_is_raised():
    losses = LostFrames(presented=True)
    losses.failed(packet(None))
    assert [losses.before(None), losses.before(None)] == [1, 0]
