"""IDF1 and its parts (Ristani et al. 2016, arXiv 1609.01775)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.evaluation.comparison import Comparison
from tools.evaluation.sums import Summed
from trackers.assignment import linear_sum_assignment
from trackers.settings import checked_share


@dataclass(frozen=True, slots=True)
class IdentityResult(Summed):
    """Counts of one sequence or, summed, of several; a ratio whose denominator is 0 is 0.

    Attributes:
        true_positives: Box pairs of paired tracks that reach the IoU threshold (IDTP).
        false_positives: The other result boxes (IDFP).
        false_negatives: The other ground-truth boxes (IDFN).
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """IDP: fraction of result boxes with the right identity."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """IDR: fraction of ground-truth boxes with the right identity."""
        return self.true_positives / max(1, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """IDF1: harmonic mean of IDP and IDR."""
        boxes = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / max(1, boxes)


def identity(comparison: Comparison, iou_threshold: float = 0.5) -> IdentityResult:
    """Pairs each ground-truth track with at most one result track over the whole sequence.

    The pairing maximises the number of overlapping boxes, which also minimises false positives and
    false negatives.

    Args:
        comparison: Ground truth and result.
        iou_threshold: Minimum IoU of two boxes that count as overlapping, in (0, 1].

    Raises:
        ValueError: The threshold is out of range.
    """
    checked_share("iou_threshold", iou_threshold)
    overlaps = np.zeros((len(comparison.truth_lengths), len(comparison.result_lengths)), np.int64)
    for frame in comparison.frames:
        rows, columns = np.nonzero(frame.iou >= iou_threshold)
        overlaps[frame.truth[rows], frame.result[columns]] += 1  # no pair twice in a frame
    true_positives = int(overlaps[linear_sum_assignment(overlaps, maximize=True)].sum())
    return IdentityResult(
        true_positives,
        int(comparison.result_lengths.sum()) - true_positives,
        int(comparison.truth_lengths.sum()) - true_positives,
    )
