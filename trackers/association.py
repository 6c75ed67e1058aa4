"""Which detection belongs to which track."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from trackers.boxes import FloatArray, IndexArray


def match_by_iou(iou: FloatArray, threshold: float) -> tuple[IndexArray, IndexArray]:
    """Pairs rows with columns for the greatest sum of IoU, then drops pairs below ``threshold``.

    Where every row and every column has at most one partner above the threshold there is nothing
    to decide and these pairs are taken as they are, as the reference implementation of SORT does;
    the assignment over all pairs can differ there, since pairs that are dropped afterwards take
    part in it.

    Args:
        iou: ``(N, M)``.
        threshold: Least IoU of a pair, in (0, 1].

    Returns:
        Rows ``(K,)`` and columns ``(K,)`` of the pairs, rows ascending.
    """
    above = iou > threshold
    if above.any() and above.sum(axis=0).max() == 1 and above.sum(axis=1).max() == 1:
        rows, columns = np.nonzero(above)
        return rows, columns
    rows, columns = linear_sum_assignment(iou, maximize=True)
    good = iou[rows, columns] >= threshold
    return rows[good], columns[good]
