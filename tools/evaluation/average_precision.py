"""Average precision of detections over a set of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.records import Float32Array
from trackers.boxes import iou_matrix


def average_precision(
    truth: Sequence[Float32Array],
    boxes: Sequence[Float32Array],
    scores: Sequence[Float32Array],
    minimum_iou: float = 0.5,
) -> float:
    """Area under the precision-recall curve, precision made monotone (all-point rule).

    Detections of all images are taken by falling score; each claims the still unclaimed true box
    it overlaps most, if by ``minimum_iou``.

    Args:
        truth: Per image ``(G, 4)`` boxes ltrb.
        boxes: Per image ``(N, 4)`` boxes ltrb.
        scores: Per image ``(N,)``.
        minimum_iou: Overlap that makes a detection true.

    Returns:
        AP in [0, 1]; NaN where there is no true box at all.
    """
    total = sum(len(found) for found in truth)
    if total == 0:
        return float("nan")
    hits, all_scores = [], []
    for real, found, score in zip(truth, boxes, scores, strict=True):
        order = np.argsort(-score, kind="stable")
        overlaps = iou_matrix(found[order].astype(np.float64), real.astype(np.float64))
        free = np.ones(len(real), bool)
        hit = np.zeros(len(found), bool)
        for row, overlap in enumerate(overlaps):
            if not free.any():
                break
            best = int(np.argmax(np.where(free, overlap, -1)))
            if overlap[best] >= minimum_iou:
                hit[row], free[best] = True, False
        hits.append(hit)
        all_scores.append(score[order])
    hit = np.concatenate(hits)[np.argsort(-np.concatenate(all_scores), kind="stable")]
    true_positives = np.cumsum(hit)
    recall = true_positives / total
    precision = true_positives / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
