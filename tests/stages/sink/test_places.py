from __future__ import annotations

import numpy as np

from stages.sink.places import Place, places, usual_class, vote
from tests.stages.sink.conftest import make_header, make_tracks


def test_a_vehicle_stands_at_the_middle_of_its_lower_edge() -> None:
    tracks = make_tracks(make_header(0), [[10, 20, 50, 30], [0, 0, 8, 8]], [7, 3])
    assert places(tracks) == [Place(7, 0, (30, 30), 2), Place(3, 0, (4, 8), np.float32(0.8))]


def test_a_box_that_is_nowhere_has_no_place() -> None:
    boxes = [[np.nan] * 4, [10, 20, 50, 30], [0, 0, np.inf, 9], [-np.inf, 0, np.inf, 9]]
    tracks = make_tracks(make_header(0), boxes, [1, 2, 3, 4])
    assert [place.identity for place in places(tracks)] == [2]
    assert places(make_tracks(make_header(0))) == []


def test_the_class_of_a_vehicle_is_that_of_most_of_its_boxes_the_latest_of_equals() -> None:
    votes: dict[int, int] = {}
    usual = []
    for each in (2, 0, 0, 2, 2, 1):
        vote(votes, each)
        usual.append(usual_class(votes))
    assert usual == [2, 0, 0, 2, 2, 2]
    assert votes == {2: 3, 0: 2, 1: 1}
