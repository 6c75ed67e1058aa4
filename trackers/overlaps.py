"""Finds the pairs of boxes that overlap, and their IoU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trackers.boxes import BoolArray, FloatArray, IndexArray, areas, intersection_areas

DENSE_PAIRS = 10_000  # up to this many, comparing all with all is faster than a search


@dataclass(frozen=True, slots=True, eq=False)
class BoxPairs:
    """Pairs of boxes that overlap, ordered by row, then column.

    Attributes:
        rows: ``(K,)`` index of the first box of each pair.
        columns: ``(K,)`` index of the second.
        iou: ``(K,)`` float64 in (0, 1].
    """

    rows: IndexArray
    columns: IndexArray
    iou: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, mask: BoolArray) -> BoxPairs:
        """Returns the pairs where ``mask`` ``(K,)`` is True; row and column numbers are kept."""
        if np.count_nonzero(mask) == len(mask):
            return self
        return BoxPairs(self.rows[mask], self.columns[mask], self.iou[mask])


def find_overlaps(a: FloatArray, b: FloatArray, widening: FloatArray | None = None) -> BoxPairs:
    """Returns the overlapping pairs of boxes ``a`` ``(N, 4)`` and ``b`` ``(M, 4)``, all ltrb.

    Args:
        a: First boxes.
        b: Second boxes.
        widening: ``(N,)`` for each box of ``a``, the fraction of their widths and heights by which
            both boxes of a pair are widened on every side before they are compared, >= 0 (the
            buffered IoU of C-BIoU, Yang et al. 2023, arXiv 2211.14317). None for no widening.
    """
    if widening is not None and np.count_nonzero(widening) == 0:
        widening = None
    if len(a) * len(b) <= DENSE_PAIRS:
        return _overlaps_among_few(a, b, widening)
    reach = 0.0 if widening is None else float(widening.max())
    rows, columns = neighbors(_widened(a, reach), _widened(b, reach))
    first, second = a[rows], b[columns]
    if widening is not None:
        first = _widened(first, widening[rows, None])
        second = _widened(second, widening[rows, None])
    intersection = intersection_areas(first, second)
    union = areas(first) + areas(second) - intersection
    found = intersection > 0
    return BoxPairs(rows[found], columns[found], intersection[found] / union[found])


def _overlaps_among_few(a: FloatArray, b: FloatArray, widening: FloatArray | None) -> BoxPairs:
    """Finds the overlapping pairs by comparing all with all.

    Frames with a handful of boxes are common, and the number of NumPy calls dominates their cost:
    both axes are compared at once, and the IoU is computed only for pairs that overlap.
    """
    share = None if widening is None else widening[:, np.newaxis]
    edges_a = (a if share is None else _widened(a, share)).T.copy()  # contiguous rows of one edge
    starts_a, ends_a = edges_a.reshape(2, 2, len(a), 1)
    starts_b, ends_b = b.T.copy().reshape(2, 2, 1, len(b))
    if share is not None:
        margins = (ends_b - starts_b) * share
        starts_b, ends_b = starts_b - margins, ends_b + margins
    sizes = np.minimum(ends_a, ends_b)
    sizes -= np.maximum(starts_a, starts_b)
    np.maximum(sizes, 0.0, out=sizes)
    shared = sizes[0] * sizes[1]
    rows, columns = shared.nonzero()
    intersection = shared[rows, columns]
    sizes_a, sizes_b = ends_a - starts_a, ends_b - starts_b
    areas_b = np.broadcast_to(sizes_b[0] * sizes_b[1], shared.shape)
    union = (sizes_a[0] * sizes_a[1])[rows, 0] + areas_b[rows, columns]
    union -= intersection
    return BoxPairs(rows, columns, intersection / union)


def _widened(boxes: FloatArray, share: float | FloatArray) -> FloatArray:
    """Widens boxes ``(N, 4)`` on every side by ``share``, a scalar or ``(N, 1)``, of their size."""
    margins = (boxes[:, 2:] - boxes[:, :2]) * share
    return np.concatenate((boxes[:, :2] - margins, boxes[:, 2:] + margins), axis=1)


def neighbors(a: FloatArray, b: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Rows and columns ``(K,)`` of the pairs of boxes that touch, sorted by row, then column.

    The boxes of ``b`` are sorted by their left edges. A box can only touch those whose left edge
    lies between its own left edge, less the greatest width, and its right edge.
    """
    order = np.argsort(b[:, 0], kind="stable")
    lefts = b[order, 0]
    widest = (b[:, 2] - b[:, 0]).max(initial=0.0)
    firsts = np.searchsorted(lefts, a[:, 0] - widest)
    counts = np.maximum(np.searchsorted(lefts, a[:, 2], side="right") - firsts, 0)
    rows = np.repeat(np.arange(len(a)), counts)
    starts = np.cumsum(counts) - counts
    columns = order[np.arange(len(rows)) - starts[rows] + firsts[rows]]
    near = (a[rows, :2] <= b[columns, 2:]).all(axis=1)
    near &= (b[columns, :2] <= a[rows, 2:]).all(axis=1)
    rows, columns = rows[near], columns[near]
    by_pair = np.lexsort((columns, rows))
    return rows[by_pair], columns[by_pair]
