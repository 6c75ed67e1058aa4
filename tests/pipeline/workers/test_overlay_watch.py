"""When an overlay counts as stuck, and how that is reported."""

import pytest

from pipeline.workers.overlay_watch import OverlayWatch


def test_a_stuck_overlay_and_its_recovery_are_not_reported_every_time():
    now, notices = [0.0], []
    watch = OverlayWatch(notices.append, "cam", lossless=True, monotonic=lambda: now[0])

    def check(frames, kept, times=1):
        for _ in range(times):
            watch.check(frames, kept)
            now[0] += 1
        return watch.is_stuck

    assert not check(0, 0, times=9)  # nothing to be written
    assert not any(check(kept + 4, kept) for kept in range(9))  # slow but progressing
    assert not check(12, 8, times=4)
    assert check(12, 8)
    assert notices == ["the overlay of cam is stuck: nothing was written; the stream waits"]
    assert check(12, 8, times=90)
    assert not check(12, 9)
    assert notices[1:] == ["the overlay of cam has resumed"]
    now[0] = 20.0
    assert check(12, 9, times=5)  # stuck again within that minute
    assert not check(12, 12)
    assert len(notices) == 2


@pytest.mark.parametrize("lossless", [True, False])
def test_only_a_live_stream_omits_frames_from_a_stuck_overlay(lossless):
    notices = []
    watch = OverlayWatch(notices.append, "cam", lossless=lossless)
    left_out = []
    for kept in (*[8] * 6, 9):
        watch.check(12, kept)
        left_out.append(watch.leaves_out)
    assert left_out == [False] * 5 + [not lossless, False]
    meanwhile = "the stream waits" if lossless else "frames are left out of it"
    assert notices[0] == f"the overlay of cam is stuck: nothing was written; {meanwhile}"
