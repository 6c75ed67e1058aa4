from __future__ import annotations

import numpy as np
import pytest

from stages.sink.places import Place, most_frequent_class, places, vote
from tests.stages.sink.conftest import HEIGHT, WIDTH, make_header, make_tracks


def test_a_vehicle_stands_at_the_middle_of_its_lower_edge() -> None:
    tracks = make_tracks(make_header(0), [[10, 20, 50, 30], [0, 0, 8, 8]], [7, 3])
    first, second = Place(7, 0, (30, 30), 2, False), Place(3, 0, (4, 8), np.float32(0.8), True)
    assert places(tracks) == [first, second]


@pytest.mark.parametrize(("space", "is_cut"), [(-1, True), (4, True), (4.5, False)])
def test_the_edge_may_cut_what_ends_within_the_margin_of_it(space: float, is_cut: bool) -> None:
    """Boxes of 40x40, whose margin is 4, at the frame's left, right, lower and upper edge."""
    corners = [
        (space, 30),
        (WIDTH - 40 - space, 30),
        (40, HEIGHT - 40 - space),
        (40, space),
    ]
    boxes = [[x, y, x + 40, y + 40] for x, y in corners]
    found = places(make_tracks(make_header(0), boxes, range(4)))
    assert [place.is_cut for place in found] == [is_cut, is_cut, is_cut, False]


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
        usual.append(most_frequent_class(votes))
    assert usual == [2, 0, 0, 2, 2, 2]
    assert votes == {2: 3, 0: 2, 1: 1}
