"""When an overlay counts as stuck, and what is said of it."""

from pipeline.workers.overlay_watch import OverlayWatch


def test_a_standstill_is_told_with_its_end_and_not_every_time():
    now, told = [0.0], []
    watch = OverlayWatch(told.append, "the overlay", "the stream waits", lambda: now[0])

    def look(frames, kept, times=1):
        for _ in range(times):
            watch.look(frames, kept)
            now[0] += 1
        return watch.is_stuck

    assert not look(0, 0, times=9)  # nothing to be written
    assert not any(look(kept + 4, kept) for kept in range(9))  # slow, and going on
    assert not look(12, 8, times=4)
    assert look(12, 8)
    assert told == ["the overlay is stuck: nothing was written; the stream waits"]
    assert look(12, 8, times=90)
    assert not look(12, 9)
    assert told[1:] == ["the overlay has resumed"]
    now[0] = 20.0
    assert look(12, 9, times=5)  # again in that minute
    assert not look(12, 12)
    assert len(told) == 2
