from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from trackers.association import match, match_as_sort
from trackers.overlaps import BoxPairs


def box_pairs(iou: list[list[float]] | np.ndarray) -> BoxPairs:
    matrix = np.array(iou)
    rows, columns = np.nonzero(matrix)
    return BoxPairs(rows, columns, matrix[rows, columns])


def chosen(pairs: BoxPairs) -> list[tuple[int, int]]:
    return list(zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True))


def sort_pairs(iou: list[list[float]], threshold: float = 0.3) -> list[tuple[int, int]]:
    return chosen(match_as_sort(box_pairs(iou), threshold))


def test_greatest_sum_wins_over_the_best_single_pair() -> None:
    assert sort_pairs([[0.9, 0.8], [0.8, 0.0]]) == [(0, 1), (1, 0)]
    assert chosen(match(box_pairs([[0.9, 0.8], [0.8, 0.0]]))) == [(0, 1), (1, 0)]


def test_pairs_below_the_threshold_are_dropped() -> None:
    assert sort_pairs([[0.9, 0.6, 0.0], [0.6, 0.5, 0.0], [0.0, 0.0, 0.2]]) == [(0, 0), (1, 1)]


def test_a_pair_at_the_threshold_is_kept() -> None:
    assert sort_pairs([[0.3]]) == [(0, 0)]


def test_one_to_one_pairs_are_kept_without_an_assignment() -> None:
    # The assignment over all pairs would prefer 0.29 + 0.29 to 0.31, and then drop both.
    assert sort_pairs([[0.31, 0.29], [0.29, 0.0]]) == [(0, 0)]
    assert sort_pairs([[0.31, 0.0], [0.0, 0.3]]) == [(0, 0)]  # above the threshold, not at it


def test_contended_and_uncontended_pairs_are_matched_together() -> None:
    iou = np.zeros((6, 6))
    iou[1, 4], iou[3, 0], iou[3, 5], iou[5, 0] = 0.6, 0.9, 0.7, 0.8
    assert chosen(match(box_pairs(iou))) == [(1, 4), (3, 5), (5, 0)]


def test_nothing_to_pair() -> None:
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert len(match_as_sort(box_pairs(np.zeros(shape)), 0.3)) == 0
        assert len(match(box_pairs(np.zeros(shape)))) == 0
    assert sort_pairs([[0.1, 0.2]]) == []


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 1.0])
def test_equals_the_assignment_over_the_whole_matrix(share: float) -> None:
    rng = np.random.default_rng(5)
    iou = rng.random((60, 50)) * (rng.random((60, 50)) < share)
    matched = match(box_pairs(iou))
    assert matched.iou.sum() == pytest.approx(
        iou[linear_sum_assignment(iou, maximize=True)].sum(), abs=1e-12
    )
    assert len(set(matched.rows.tolist())) == len(matched) == len(set(matched.columns.tolist()))
    assert (np.diff(matched.rows) > 0).all()
