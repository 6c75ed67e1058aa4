"""UA-DETRAC's joint scores of detector and tracker (Wen et al., arXiv 1511.04136).

The tracker is run at rising thresholds on the detector's scores. Each yields a point, precision
and recall of the detections, and the CLEAR scores of the tracks at that point. A PR score is half
the integral of a CLEAR score along the line through the points:

    PR-MOTA = ½ ∫ MOTA ds,  ds = √(dp² + dr²)

taken by the trapezoid rule from threshold to threshold. A threshold that no detection reaches has
no precision and hence no point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tools.evaluation.clear import ClearResult
from tools.evaluation.sums import Summed

THRESHOLDS = tuple(step / 10 for step in range(11))
PR_IOU = 0.7  # UA-DETRAC's, for detections and tracks


@dataclass(frozen=True, slots=True)
class PrPoint(Summed):
    """Counts at one threshold, of one sequence or, summed, of several.

    Attributes:
        true_positives: Number of true detections that reach the threshold.
        detections: Number of detections that reach the threshold.
        truth: Number of true boxes.
        clear: Counts of the tracks from these detections.
    """

    true_positives: int = 0
    detections: int = 0
    truth: int = 0
    clear: ClearResult = field(default_factory=ClearResult)

    @property
    def precision(self) -> float:
        """Fraction of detections that are true; there must be some."""
        return self.true_positives / self.detections

    @property
    def recall(self) -> float:
        """Fraction of true boxes that are detected; 0 if there are none."""
        return self.true_positives / max(1, self.truth)

    @property
    def scores(self) -> dict[str, float]:
        """CLEAR scores of the tracks: fractions, and counts for IDS, FRAG, FP and FN."""
        clear = self.clear
        tracks = clear.mostly_tracked + clear.partly_tracked + clear.mostly_lost
        return {
            "MOTA": clear.mota,
            "MOTP": clear.motp,
            "MT": clear.mostly_tracked / max(1, tracks),
            "ML": clear.mostly_lost / max(1, tracks),
            "IDS": clear.id_switches,
            "FRAG": clear.fragmentations,
            "FP": clear.false_positives,
            "FN": clear.false_negatives,
        }


def pr_scores(points: Sequence[PrPoint]) -> dict[str, float]:
    """Computes ``PR-MOTA``, ``PR-MOTP`` and so on from the points of all thresholds, ascending."""
    drawn = [point for point in points if point.detections]
    precision = np.array([point.precision for point in drawn])
    recall = np.array([point.recall for point in drawn])
    lengths = np.hypot(np.diff(precision), np.diff(recall))
    result = {}
    for name in PrPoint().scores:
        values = np.array([point.scores[name] for point in drawn])
        means = (values[1:] + values[:-1]) / 2
        result[f"PR-{name}"] = float(np.sum(lengths * means) / 2)
    return result
