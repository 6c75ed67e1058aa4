from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stages.sink.places import Place, most_frequent_class, places, vote
from tests.stages.sink.conftest import HEIGHT, WIDTH, make_header, make_tracks


def test_place_is_the_bottom_centre_of_the_box() -> None:
    tracks = make_tracks(make_header(0), [[10, 20, 50, 30], [0, 0, 8, 8]], [7, 3])
    first, second = Place(7, 0, (30, 30), 2, False), Place(3, 0, (4, 8), np.float32(0.8), True)
    assert places(tracks) == [first, second]


def test_place_may_be_the_center_of_the_box_which_the_top_edge_moves_too() -> None:
    tracks = make_tracks(make_header(0), [[10, 20, 50, 30], [20, 0, 28, 8]], [7, 3])
    first, second = Place(7, 0, (30, 25), 2, False), Place(3, 0, (24, 4), np.float32(0.8), True)
    assert places(tracks, "center") == [first, second]


@pytest.mark.parametrize(("space", "is_cut"), [(-1, True), (4, True), (4.5, False)])
def test_box_within_the_margin_of_an_edge_counts_as_cut(space: float, is_cut: bool) -> None:
    """40x40 boxes with a margin of 4, at the left, right, bottom and top edge of the frame."""
    corners = [
        (space, 30),
        (WIDTH - 40 - space, 30),
        (40, HEIGHT - 40 - space),
        (40, space),
    ]
    boxes = [[x, y, x + 40, y + 40] for x, y in corners]
    found = places(make_tracks(make_header(0), boxes, range(4)))
    assert [place.is_cut for place in found] == [is_cut, is_cut, is_cut, False]


def test_only_the_left_edge_cuts_boxes_in_frames_of_unknown_size() -> None:
    header = dataclasses.replace(make_header(0), width=0, height=0)
    boxes = [[0, 30, 40, 70], [9000, 9000, 9040, 9040]]
    assert [place.is_cut for place in places(make_tracks(header, boxes, [1, 2]))] == [True, False]


def test_box_with_a_non_finite_position_has_no_place() -> None:
    boxes = [[np.nan] * 4, [10, 20, 50, 30], [0, 0, np.inf, 9], [-np.inf, 0, np.inf, 9]]
    tracks = make_tracks(make_header(0), boxes, [1, 2, 3, 4])
    assert [place.identity for place in places(tracks)] == [2]
    assert places(make_tracks(make_header(0))) == []


def test_most_frequent_class_wins_and_the_latest_breaks_ties() -> None:
    votes: dict[int, int] = {}
    found = []
    for each in (2, 0, 0, 2, 2, 1):
        vote(votes, each)
        found.append(most_frequent_class(votes))
    assert found == [2, 0, 0, 2, 2, 2]
    assert votes == {2: 3, 0: 2, 1: 1}
