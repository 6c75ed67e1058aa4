"""IDF1 and its parts (Ristani et al. 2016, arXiv 1609.01775)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.evaluation.comparison import Comparison
from tools.evaluation.sums import MatchCounts
from trackers.assignment import linear_sum_assignment
from trackers.settings import checked_share


@dataclass(frozen=True, slots=True)
class IdentityResult(MatchCounts):
    """Counts of one sequence or, summed, of several: IDTP, IDFP and IDFN, IDP and IDR.

    Boxes match if their tracks are paired and they reach the IoU threshold.
    """

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
