from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from stages.errors import SpotStreamError
from tools.bench.peers import Peer, reference_sort, run_peer
from tools.bench.track import bench_track, crowd, read_loads
from trackers import TRACKERS

# Stands for somebody's tracker: every box keeps the id of its place in the frame.
SORT = """
import numpy as np
class Sort:
    def __init__(self, max_age=1):
        self.max_age = max_age
    def update(self, detections):
        return np.column_stack((detections[:, :4], np.arange(len(detections)) + self.max_age))
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "sort.py").write_text(SORT)
    return tmp_path


def test_a_peer_runs_in_a_python_of_its_own(clone: Path) -> None:
    frames = crowd(5, frames=3)
    seconds, tracks = run_peer(reference_sort(clone), Path(sys.executable), frames)
    assert seconds.shape == (3,)
    assert (seconds > 0).all()
    assert tracks.frames.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert tracks.ids.tolist() == [1, 2, 3, 4, 5] * 3
    np.testing.assert_allclose(tracks.boxes[:5], frames[0][0])


def test_a_peer_that_fails_says_why(clone: Path) -> None:
    peer = Peer("reference_sort", "sort", "reference", {"path": str(clone), "wrong": 1})
    with pytest.raises(SpotStreamError, match=r"reference_sort failed: TypeError.*wrong"):
        run_peer(peer, Path(sys.executable), crowd(2, frames=1))


def test_every_tracker_is_measured_on_every_load(tmp_path: Path) -> None:
    (tmp_path / "A.txt").write_text("1,-1,0,0,10,10,0.9,-1,-1,-1\n2,-1,1,0,10,10,0.9,-1,-1,-1\n")
    speeds = bench_track(tmp_path, rounds=1)
    loads = [tmp_path.name, "100 objects", "300 objects", "1000 objects"]
    assert {(speed.name, speed.load) for speed in speeds} == {
        (name, load) for name in TRACKERS for load in loads
    }
    for speed in speeds:
        assert 0 < speed.spread[0] <= speed.milliseconds <= speed.spread[1]


def test_crowds_are_the_same_each_time() -> None:
    first, second = read_loads(None)["300 objects"][0], read_loads(None)["300 objects"][0]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
    assert len(first[0][0]) == 300
