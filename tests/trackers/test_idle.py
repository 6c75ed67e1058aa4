"""Frames without detections in which no track can be left."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trackers.conftest import BOX
from trackers import TRACKERS, build_tracker
from trackers.tracker import Observations


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_an_idle_tracker_does_no_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = build_tracker(name, max_age=2)
    track, worked = tracker._track, []

    def tracked(observations: Observations) -> object:
        worked.append(tracker._frame)
        return track(observations)

    monkeypatch.setattr(tracker, "_track", tracked)
    nothing = np.empty((0, 4))
    for boxes in (nothing, BOX, nothing, BOX, *[nothing] * 5, BOX, nothing):
        tracker.update(boxes, np.full(len(boxes), 0.9))
    assert worked == [2, 3, 4, 5, 6, 7, 10, 11]


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_a_break_that_ends_all_tracks_takes_no_step_for_each_of_its_frames(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = build_tracker(name)
    monkeypatch.setattr(tracker, "_coast", lambda: pytest.fail("a step was taken"))
    tracker.update(BOX, [0.9])
    tracker.update(BOX, [0.9], unseen=10**9)
