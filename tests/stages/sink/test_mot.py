from __future__ import annotations

import dataclasses

import numpy as np

from stages.sink.mot import mot_rows
from tests.stages.sink.conftest import make_header, make_tracks


def test_rows_are_sorted_by_id_and_formatted() -> None:
    tracks = make_tracks(
        make_header(6), [[10.126, 20, 30, 50], [-0.001, 5.5, 7, 9.25]], [12, 3], [0.98768, 1.0]
    )
    assert mot_rows(tracks, 7) == (
        "7,3,0.00,5.50,7.00,3.75,1.0000,-1,-1,-1\n7,12,10.13,20.00,19.87,30.00,0.9877,-1,-1,-1\n"
    )


def test_sizes_use_exact_edges() -> None:
    """In float32, the difference of these edges rounds to 1836.14."""
    tracks = make_tracks(make_header(0), [[5.44, 0, 1841.575, 9]], [1], [-1e-5])
    assert mot_rows(tracks, 1) == "1,1,5.44,0.00,1836.13,9.00,0.0000,-1,-1,-1\n"


def test_classes_start_at_1_if_requested() -> None:
    boxes = [[10, 20, 30, 50], [0, 0, 7, 9], [5, 5, 9, 9]]
    tracks = dataclasses.replace(
        make_tracks(make_header(6), boxes, [12, 3, 5]), classes=np.array([2, 0, 32_767], np.int16)
    )
    rows = [row.split(",") for row in mot_rows(tracks, 7, with_classes=True).splitlines()]
    assert [(row[1], row[7]) for row in rows] == [("3", "1"), ("5", "32768"), ("12", "3")]
    assert [row.split(",")[7] for row in mot_rows(tracks, 7).splitlines()] == ["-1"] * 3


def test_rows_read_back_give_the_same_tracks() -> None:
    rng = np.random.default_rng(1)
    boxes = rng.uniform(0, 900, (40, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    ids = rng.permutation(40) + 1
    rows = np.loadtxt(
        mot_rows(make_tracks(make_header(0), boxes, ids), 1).splitlines(), delimiter=","
    )
    assert rows.shape == (40, 10)
    order = np.argsort(ids)
    np.testing.assert_array_equal(rows[:, 1], ids[order])
    np.testing.assert_allclose(rows[:, 2:4] + rows[:, 4:6], boxes[order, 2:], atol=0.0101)
    np.testing.assert_allclose(rows[:, 2:4], boxes[order, :2], atol=0.00501)


def test_no_tracks_give_no_rows() -> None:
    assert mot_rows(make_tracks(make_header(0)), 1) == ""
