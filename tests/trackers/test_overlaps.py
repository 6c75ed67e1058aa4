from __future__ import annotations

import numpy as np
import pytest

from trackers.boxes import iou_matrix
from trackers.overlaps import DENSE_PAIRS, find_overlaps, neighbors


def boxes(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 300, (count, 2))
    return np.hstack((corners, corners + rng.uniform(1, 60, (count, 2))))


@pytest.mark.parametrize("counts", [(20, 30), (300, 200), (150, 150)])
def test_all_overlapping_pairs_are_found(counts: tuple[int, int]) -> None:
    a, b = boxes(counts[0], 1), boxes(counts[1], 2)
    expected = iou_matrix(a, b)
    pairs = find_overlaps(a, b)
    assert (len(a) * len(b) > DENSE_PAIRS) == (counts[0] > 20)
    rows, columns = np.nonzero(expected)
    assert pairs.rows.tolist() == rows.tolist()
    assert pairs.columns.tolist() == columns.tolist()
    np.testing.assert_allclose(pairs.iou, expected[rows, columns], rtol=1e-12)


def test_both_boxes_of_a_pair_are_widened() -> None:
    a = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    b = np.array([[12.0, 0, 32, 10]])
    pairs = find_overlaps(a, b, np.array([0.0, 0.1]))
    assert (pairs.rows.tolist(), pairs.columns.tolist()) == ([1], [0])
    # -1 … 11 and 10 … 34, both -1 … 11 high: 1 × 12 shared
    assert pairs.iou[0] == pytest.approx(12 / (12 * 12 + 24 * 12 - 12))


def test_each_box_is_widened_by_its_own_share_only() -> None:
    a = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    b = np.array([[12.0, 12, 22, 22]])  # beyond the corner: apart in x and in y
    assert find_overlaps(a, b, np.array([0.0, 0.2])).rows.tolist() == [1]


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("widened", [False, True])
def test_no_boxes_have_no_overlaps(counts: tuple[int, int], widened: bool) -> None:
    a, b = boxes(counts[0], 1), boxes(counts[1], 2)
    pairs = find_overlaps(a, b, np.full(len(a), 0.1) if widened else None)
    assert len(pairs) == 0


@pytest.mark.parametrize("widened", [False, True])
def test_dense_and_sparse_search_agree_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch, widened: bool
) -> None:
    a, b = boxes(40, 1), boxes(50, 2)
    widening = np.random.default_rng(3).uniform(0, 0.3, 40).round(1) if widened else None
    dense = find_overlaps(a, b, widening)
    monkeypatch.setattr("trackers.overlaps.DENSE_PAIRS", 0)
    sparse = find_overlaps(a, b, widening)
    assert dense.rows.tolist() == sparse.rows.tolist()
    assert dense.columns.tolist() == sparse.columns.tolist()
    assert dense.iou.tolist() == sparse.iou.tolist()


def test_neighbors_are_boxes_that_touch() -> None:
    a = np.array([[0.0, 0, 10, 10]])
    b = np.array([[10.0, 10, 20, 20], [10.1, 0, 20, 10], [-5, -5, 0, 3], [0, 11, 9, 12]])
    assert neighbors(a, b)[1].tolist() == [0, 2]
    inside_out = np.array([[10.0, 0, 0, 10]])  # as a prediction may be
    assert len(neighbors(inside_out, np.array([[5.0, 0, 6, 10]]))[0]) == 0
