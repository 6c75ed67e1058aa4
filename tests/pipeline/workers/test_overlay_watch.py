"""When an overlay counts as stuck, and what is said of it."""

import pytest

from pipeline.workers.overlay_watch import OverlayWatch


def test_a_standstill_is_told_with_its_end_and_not_every_time():
    now, told = [0.0], []
    watch = OverlayWatch(told.append, "cam", lossless=True, monotonic=lambda: now[0])

    def look(frames, kept, times=1):
        for _ in range(times):
            watch.check(frames, kept)
            now[0] += 1
        return watch.is_stuck

    assert not look(0, 0, times=9)  # nothing to be written
    assert not any(look(kept + 4, kept) for kept in range(9))  # slow, and going on
    assert not look(12, 8, times=4)
    assert look(12, 8)
    assert told == ["the overlay of cam is stuck: nothing was written; the stream waits"]
    assert look(12, 8, times=90)
    assert not look(12, 9)
    assert told[1:] == ["the overlay of cam has resumed"]
    now[0] = 20.0
    assert look(12, 9, times=5)  # again in that minute
    assert not look(12, 12)
    assert len(told) == 2


@pytest.mark.parametrize("lossless", [True, False])
def test_frames_are_left_out_of_the_overlay_of_a_live_stream_while_it_is_stuck(lossless):
    told = []
    watch = OverlayWatch(told.append, "cam", lossless=lossless)
    left_out = []
    for kept in (*[8] * 6, 9):
        watch.check(12, kept)
        left_out.append(watch.leaves_out)
    assert left_out == [False] * 5 + [not lossless, False]
    meanwhile = "the stream waits" if lossless else "frames are left out of it"
    assert told[0] == f"the overlay of cam is stuck: nothing was written; {meanwhile}"
