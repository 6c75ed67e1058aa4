from __future__ import annotations

import numpy as np

from stages.sink.trails import Trails
from tests.stages.sink.conftest import make_header, make_tracks


def box_at(x: float, y: float) -> list[float]:
    return [x - 2, y - 2, x + 2, y + 2]


def test_trail_has_the_latest_centers_oldest_first() -> None:
    trails = Trails(3)
    for x in range(5):
        (points,) = trails.update(make_tracks(make_header(x), [box_at(x, 10)], [4]))
    np.testing.assert_array_equal(points, [[2, 10], [3, 10], [4, 10]])


def test_memory_is_bounded_by_the_tracks_in_view() -> None:
    trails = Trails(5)
    for index in range(200):
        trails.update(
            make_tracks(make_header(index), [box_at(1, 1)] * 2, [2 * index, 2 * index + 1])
        )
        assert len(trails) <= 10


def test_a_short_absence_keeps_the_trail_and_a_long_one_drops_it() -> None:
    trails = Trails(4)
    trails.update(make_tracks(make_header(0), [box_at(0, 0)], [1]))
    trails.update(make_tracks(make_header(1)))
    (points,) = trails.update(make_tracks(make_header(2), [box_at(9, 9)], [1]))
    assert len(points) == 2
    for index in range(3, 8):
        trails.update(make_tracks(make_header(index)))
    assert len(trails) == 0


def test_camera_motion_shifts_earlier_points() -> None:
    trails = Trails(4)
    trails.update(make_tracks(make_header(0), [box_at(10, 10)], [1]))
    motion = [[1, 0, -3], [0, 1, 5]]
    (points,) = trails.update(make_tracks(make_header(1), [box_at(7, 15)], [1], motion=motion))
    np.testing.assert_array_equal(points, [[7, 15], [7, 15]])


def test_length_zero_gives_no_trail() -> None:
    assert [len(t) for t in Trails(0).update(make_tracks(make_header(0), [box_at(1, 1)], [1]))] == [
        0
    ]
