"""HOTA: higher order tracking accuracy (Luiten et al. 2021, arXiv 2009.07736)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from stages.records import Float64Array
from tools.evaluation.comparison import Comparison
from tools.evaluation.sums import Summed
from trackers.assignment import linear_sum_assignment

ALPHAS = np.arange(0.05, 0.99, 0.05)  # IoU thresholds; the scores are means over them
EPSILON = float(np.finfo(np.float64).eps)
TINY = 1e-10  # as in TrackEval: the mean IoU of no matches is 1

Counts: TypeAlias = Float64Array


def _zeros() -> Counts:
    return np.zeros(len(ALPHAS))


@dataclass(frozen=True, slots=True, eq=False)
class HotaResult(Summed):
    """Sums of one sequence or, summed, of several; the scores follow from them.

    All are ``(19,)`` float64, one value for each of `ALPHAS`. A ratio whose denominator is 0 is 0,
    but the mean IoU of no matches is 1, as in TrackEval.

    Attributes:
        true_positives: Matched boxes.
        false_positives: Result boxes without a match.
        false_negatives: Ground-truth boxes without a match.
        iou_sum: Sum of the IoU of all matches.
        association: Sum over all matches of the Jaccard index of their two tracks.
        association_recall: Sum over all matches of the matched fraction of the ground-truth track.
        association_precision: Sum over all matches of the matched fraction of the result track.
    """

    true_positives: Counts = field(default_factory=_zeros)
    false_positives: Counts = field(default_factory=_zeros)
    false_negatives: Counts = field(default_factory=_zeros)
    iou_sum: Counts = field(default_factory=_zeros)
    association: Counts = field(default_factory=_zeros)
    association_recall: Counts = field(default_factory=_zeros)
    association_precision: Counts = field(default_factory=_zeros)

    @property
    def det_a_curve(self) -> Counts:
        """DetA at each of `ALPHAS`."""
        boxes = self.true_positives + self.false_positives + self.false_negatives
        return self.true_positives / np.maximum(1, boxes)

    @property
    def ass_a_curve(self) -> Counts:
        """AssA at each of `ALPHAS`."""
        return self.association / np.maximum(1, self.true_positives)

    @property
    def hota_curve(self) -> Counts:
        """HOTA at each of `ALPHAS`: the geometric mean of DetA and AssA."""
        return np.sqrt(self.det_a_curve * self.ass_a_curve)

    @property
    def hota(self) -> float:
        """Mean of `hota_curve`, range [0, 1]."""
        return float(self.hota_curve.mean())

    @property
    def det_a(self) -> float:
        """Detection accuracy, range [0, 1]."""
        return float(self.det_a_curve.mean())

    @property
    def ass_a(self) -> float:
        """Association accuracy, range [0, 1]."""
        return float(self.ass_a_curve.mean())

    @property
    def det_re(self) -> float:
        """Fraction of ground-truth boxes that are matched."""
        boxes = self.true_positives + self.false_negatives
        return float((self.true_positives / np.maximum(1, boxes)).mean())

    @property
    def det_pr(self) -> float:
        """Fraction of result boxes that are matched."""
        boxes = self.true_positives + self.false_positives
        return float((self.true_positives / np.maximum(1, boxes)).mean())

    @property
    def ass_re(self) -> float:
        """Mean fraction of the ground-truth track that is matched by the result track."""
        return float((self.association_recall / np.maximum(1, self.true_positives)).mean())

    @property
    def ass_pr(self) -> float:
        """Mean fraction of the result track that is matched by the ground-truth track."""
        return float((self.association_precision / np.maximum(1, self.true_positives)).mean())

    @property
    def loc_a(self) -> float:
        """Mean IoU of the matches."""
        sums, counts = np.maximum(TINY, self.iou_sum), np.maximum(TINY, self.true_positives)
        return float((sums / counts).mean())


def hota(comparison: Comparison) -> HotaResult:
    """Compares a sequence as TrackEval does.

    Boxes are matched once for all of `ALPHAS`, frame by frame, to maximise the sum of IoU times
    the alignment of the two tracks over the whole sequence.
    """
    truth_lengths, result_lengths = comparison.truth_lengths, comparison.result_lengths
    alignment = _alignment(comparison)
    matched_truth, matched_result, matched_iou = [], [], []
    for frame in comparison.frames:
        score = alignment[frame.truth[:, None], frame.result] * frame.iou
        rows, columns = linear_sum_assignment(score, maximize=True)
        matched_truth.append(frame.truth[rows])
        matched_result.append(frame.result[columns])
        matched_iou.append(frame.iou[rows, columns])
    empty = np.empty(0)
    truth = np.concatenate([empty.astype(np.int64), *matched_truth])
    result = np.concatenate([empty.astype(np.int64), *matched_result])
    iou = np.concatenate([empty, *matched_iou])

    sums = HotaResult()
    for index, alpha in enumerate(ALPHAS):
        good = iou >= alpha - EPSILON
        pairs, matches = np.unique(
            truth[good] * len(result_lengths) + result[good], return_counts=True
        )
        paired, partners = np.divmod(pairs, len(result_lengths))
        lengths, others = truth_lengths[paired], result_lengths[partners]
        hits = np.count_nonzero(good)
        sums.true_positives[index] = hits
        sums.false_positives[index] = result_lengths.sum() - hits
        sums.false_negatives[index] = truth_lengths.sum() - hits
        sums.iou_sum[index] = iou[good].sum()
        sums.association[index] = (matches * (matches / (lengths + others - matches))).sum()
        sums.association_recall[index] = (matches * (matches / lengths)).sum()
        sums.association_precision[index] = (matches * (matches / others)).sum()
    return sums


def _alignment(comparison: Comparison) -> Float64Array:
    """Returns ``(G, R)`` soft Jaccard indices of tracks; ambiguous overlaps are divided up."""
    truth_lengths, result_lengths = comparison.truth_lengths, comparison.result_lengths
    shared = np.zeros((len(truth_lengths), len(result_lengths)))
    for frame in comparison.frames:
        total = frame.iou.sum(axis=0) + frame.iou.sum(axis=1)[:, None] - frame.iou
        share = np.divide(frame.iou, total, out=np.zeros_like(total), where=total > EPSILON)
        shared[frame.truth[:, None], frame.result] += share
    return shared / (truth_lengths[:, None] + result_lengths - shared)
