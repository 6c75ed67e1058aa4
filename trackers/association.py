"""Which detection belongs to which track."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from trackers.boxes import BoolArray, FloatArray
from trackers.overlaps import BoxPairs


def match_as_sort(pairs: BoxPairs, threshold: float) -> BoxPairs:
    """Pairs each box with at most one for the greatest sum of IoU, then drops low pairs.

    Where every row and every column has at most one partner above the threshold there is nothing
    to decide and these pairs are taken as they are, as the reference implementation of SORT does;
    the assignment over all pairs can differ there, since pairs that are dropped afterwards take
    part in it.

    Args:
        pairs: Tracks (rows) and detections (columns) that overlap.
        threshold: Least IoU of a pair, in (0, 1].
    """
    above = pairs.where(pairs.iou > threshold)
    if len(above) and _without_rival(above).all():
        return above
    best = match(pairs)
    return best.where(best.iou >= threshold)


def match(pairs: BoxPairs, gain: FloatArray | None = None) -> BoxPairs:
    """Those of ``pairs`` that give each box at most one partner, for the greatest sum of gains.

    What no other pair contends for is taken at once; the assignment is left with the rest.

    Args:
        pairs: Tracks (rows) and detections (columns) that may belong together.
        gain: ``(K,)`` of each pair, all above 0. None: its IoU.
    """
    gain = pairs.iou if gain is None else gain
    taken = _without_rival(pairs)
    contended = np.flatnonzero(~taken)
    if len(contended):
        rows, row_places = np.unique(pairs.rows[contended], return_inverse=True)
        columns, column_places = np.unique(pairs.columns[contended], return_inverse=True)
        gains = np.zeros((len(rows), len(columns)))
        gains[row_places, column_places] = gain[contended]
        partner = np.full(len(rows), -1)
        chosen_rows, chosen_columns = linear_sum_assignment(gains, maximize=True)
        partner[chosen_rows] = chosen_columns
        taken[contended] = partner[row_places] == column_places
    return pairs.where(taken)


def _without_rival(pairs: BoxPairs) -> BoolArray:
    """``(K,)``: neither box of the pair has another partner."""
    rows = np.bincount(pairs.rows, minlength=pairs.shape[0])[pairs.rows]
    columns = np.bincount(pairs.columns, minlength=pairs.shape[1])[pairs.columns]
    return (rows == 1) & (columns == 1)
