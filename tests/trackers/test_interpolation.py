from __future__ import annotations

import numpy as np
import pytest

from trackers.interpolation import fill_gaps


def filled(rows: list[tuple[int, int, float]], most: int) -> list[tuple[int, int, float]]:
    table = np.array(rows, np.float64).reshape(-1, 3)
    frames, ids, values = fill_gaps(
        table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:], most
    )
    return list(zip(frames.tolist(), ids.tolist(), values[:, 0].tolist(), strict=True))


def test_a_gap_is_filled_linearly() -> None:
    assert filled([(1, 7, 0.0), (4, 7, 3.0)], 2) == [
        (1, 7, 0.0),
        (2, 7, 1.0),
        (3, 7, 2.0),
        (4, 7, 3.0),
    ]


def test_a_longer_gap_is_not_filled() -> None:
    rows = [(1, 7, 0.0), (5, 7, 4.0)]
    assert filled(rows, 2) == rows
    assert len(filled(rows, 3)) == 5
    assert filled([(1, 7, 0.0), (3, 7, 2.0)], 0) == [(1, 7, 0.0), (3, 7, 2.0)]


def test_each_track_is_filled_separately() -> None:
    rows = [(1, 1, 0.0), (1, 2, 5.0), (3, 1, 2.0), (3, 2, 9.0), (9, 3, 1.0)]
    assert filled(rows, 5) == [
        (1, 1, 0.0),
        (1, 2, 5.0),
        (2, 1, 1.0),
        (2, 2, 7.0),
        (3, 1, 2.0),
        (3, 2, 9.0),
        (9, 3, 1.0),
    ]


def test_rows_may_be_in_any_order() -> None:
    rows = [(3, 1, 2.0), (1, 2, 5.0), (2, 2, 6.0), (1, 1, 0.0)]
    assert filled(rows, 5) == [(1, 1, 0.0), (1, 2, 5.0), (2, 1, 1.0), (2, 2, 6.0), (3, 1, 2.0)]


@pytest.mark.parametrize("rows", [[], [(3, 1, 2.0)]])
def test_rows_without_gaps_are_returned_unchanged(rows: list[tuple[int, int, float]]) -> None:
    assert filled(rows, 5) == rows


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="max_frames must not be negative, got -1"):
        filled([], -1)
