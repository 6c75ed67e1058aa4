from itertools import pairwise

import pytest

from pipeline.workers.backlog import Backlog

MS = 1_000_000
DECODING = 2 * MS


class Reader:
    """Reads a live source by a clock that only advances while it works or waits."""

    def __init__(self):
        self.now = self.waited = 0
        self.backlog = Backlog(lambda: self.now)
        self.kept = []
        self.lags = []  # of all frames, in ms, from their arrival

    def read(self, arrivals, work, decoding=DECODING):
        """Reads frames that arrive at the given times in ms; each takes ``work`` ms if kept."""
        for arrival in arrivals:
            read_at = max(self.now + MS // 5, arrival * MS)
            self.waited += read_at - self.now
            self.now = read_at + decoding
            if not self.backlog.drops(self.waited):
                self.now += work * MS
                self.kept.append(arrival)
            self.lags.append(self.now / MS - arrival)


@pytest.mark.parametrize("burst", [1, 12, 25])
def test_no_frame_is_dropped_if_the_work_takes_less_time_than_the_source(burst):
    reader, frames = Reader(), range(500)
    reader.read([(frame // burst + 1) * burst * 40 for frame in frames], work=33)
    assert len(reader.kept) == len(frames)


@pytest.mark.parametrize(("work", "kept"), [(40, 0.7), (80, 0.38), (200, 0.15)])
def test_frames_are_dropped_in_short_gaps_if_the_work_takes_longer(work, kept):
    reader = Reader()
    arrivals = range(0, 60_000, 40)
    reader.read(arrivals, work)
    assert kept * len(arrivals) < len(reader.kept) < len(arrivals)
    settled = len(arrivals) // 20
    assert max(reader.lags) < 1000 + work
    assert max(reader.lags[settled:]) < 120 + work
    gaps = [later - earlier for earlier, later in pairwise(reader.kept) if earlier > 3000]
    assert max(gaps) < 200 + work


def test_bursts_are_kept_again_a_second_after_the_last_drop():
    reader = Reader()
    reader.read(range(0, 4000, 40), work=80)
    assert len(reader.kept) < 100
    reader.read(range(4000, 6000, 40), work=20)
    before = len(reader.kept)
    reader.read([6400] * 10, work=20)
    assert len(reader.kept) == before + 10


def test_a_source_that_cannot_even_be_decoded_in_time_still_gives_frames_every_second():
    reader = Reader()
    reader.read(range(0, 60_000, 40), work=10, decoding=45 * MS)
    assert 50 < len(reader.kept) < 200
    assert max(later - earlier for earlier, later in pairwise(reader.kept)) < 1100
