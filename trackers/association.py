"""Assigns detections to tracks."""

from __future__ import annotations

import numpy as np

from trackers.assignment import linear_sum_assignment
from trackers.boxes import BoolArray, FloatArray, IndexArray
from trackers.overlaps import BoxPairs


def match_as_sort(pairs: BoxPairs, threshold: float) -> BoxPairs:
    """Pairs each box with at most one other, maximising the sum of IoU, then drops low pairs.

    If every row and every column has at most one partner above the threshold, these pairs are
    returned unchanged, as in the reference implementation of SORT. The assignment over all pairs
    could differ, because pairs that are dropped afterwards take part in it.

    Args:
        pairs: Tracks (rows) and detections (columns) that overlap.
        threshold: Minimum IoU of a pair, in (0, 1].
    """
    above = pairs.where(pairs.iou > threshold)
    if len(above) and _is_one_to_one(above):
        return above
    best = match(pairs)
    return best.where(best.iou >= threshold)


def match(pairs: BoxPairs, gain: FloatArray | None = None) -> BoxPairs:
    """Selects pairs so that each box has at most one partner, maximising the sum of gains.

    Uncontested pairs are selected directly; only the rest goes through the assignment.

    Args:
        pairs: Tracks (rows) and detections (columns) that may belong together.
        gain: ``(K,)`` gain of each pair, >= 0; its IoU by default.
    """
    gain = pairs.iou if gain is None else gain
    if _is_one_to_one(pairs):
        return pairs
    taken = _uncontested(pairs)
    contended = (~taken).nonzero()[0]
    rows, row_count = _renumbered(pairs.rows[contended])
    columns, column_count = _renumbered(pairs.columns[contended])
    gains = np.zeros((row_count, column_count))
    gains[rows, columns] = gain[contended]
    chosen = np.zeros(gains.shape, np.bool_)
    chosen[linear_sum_assignment(gains, maximize=True)] = True
    taken[contended] = chosen[rows, columns]
    return pairs.where(taken)


def _is_one_to_one(pairs: BoxPairs) -> bool:
    count = len(pairs)
    return len(set(pairs.rows.tolist())) == count == len(set(pairs.columns.tolist()))


def _uncontested(pairs: BoxPairs) -> BoolArray:
    """``(K,)`` mask: neither box of the pair has another partner."""
    rows = np.bincount(pairs.rows)[pairs.rows]
    columns = np.bincount(pairs.columns)[pairs.columns]
    return rows * columns == 1


def _renumbered(numbers: IndexArray) -> tuple[IndexArray, int]:
    """Renumbers ``numbers`` ``(K,)`` from 0 in order, without gaps; also counts distinct ones."""
    present = np.bincount(numbers) > 0
    ranks = present.cumsum()
    return ranks[numbers] - 1, int(ranks[-1])
