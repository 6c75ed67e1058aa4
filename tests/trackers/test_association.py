from __future__ import annotations

import numpy as np

from trackers.association import match_by_iou


def pairs(iou: list[list[float]], threshold: float = 0.3) -> list[tuple[int, int]]:
    rows, columns = match_by_iou(np.array(iou), threshold)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_greatest_sum_wins_over_the_best_single_pair() -> None:
    assert pairs([[0.9, 0.8], [0.8, 0.0]]) == [(0, 1), (1, 0)]


def test_pairs_below_the_threshold_are_dropped() -> None:
    assert pairs([[0.9, 0.6, 0.0], [0.6, 0.5, 0.0], [0.0, 0.0, 0.2]]) == [(0, 0), (1, 1)]


def test_a_pair_at_the_threshold_is_kept() -> None:
    assert pairs([[0.3]]) == [(0, 0)]


def test_one_to_one_pairs_are_taken_as_they_are() -> None:
    # The assignment over all pairs would prefer 0.29 + 0.29 to 0.31, and then drop both.
    assert pairs([[0.31, 0.29], [0.29, 0.0]]) == [(0, 0)]


def test_nothing_to_pair() -> None:
    for shape in ((0, 3), (3, 0), (0, 0)):
        rows, columns = match_by_iou(np.zeros(shape), 0.3)
        assert len(rows) == len(columns) == 0
    assert pairs([[0.1, 0.2]]) == []
