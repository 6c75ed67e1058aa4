"""Detection scores: true and false detections, average precision, precision and recall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.records import BoolArray, Float32Array, Float64Array
from trackers.overlaps import find_overlaps


@dataclass(frozen=True, slots=True, eq=False)
class DetectionResult:
    """Detections of any number of images, each judged true or false at one IoU.

    Attributes:
        scores: ``(N,)`` float32 scores.
        hits: ``(N,)`` whether each detection is true.
        truth: Number of true boxes.
    """

    scores: Float32Array
    hits: BoolArray
    truth: int

    @classmethod
    def combined(cls, results: Iterable[DetectionResult]) -> DetectionResult:
        """Returns the results of all images combined."""
        parts = [cls(np.empty(0, np.float32), np.empty(0, np.bool_), 0), *results]
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.hits for part in parts]),
            sum(part.truth for part in parts),
        )

    @property
    def average_precision(self) -> float:
        """Area under the precision-recall curve, precision made monotone (all-point rule).

        NaN if there is no true box.
        """
        if self.truth == 0:
            return float("nan")
        recall, precision = self.curve
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))

    @property
    def curve(self) -> tuple[Float64Array, Float64Array]:
        """Recall and precision ``(N,)`` of the best 1, 2, … N detections."""
        hits = np.cumsum(self.hits[np.argsort(-self.scores, kind="stable")])
        return hits / max(1, self.truth), hits / np.arange(1, len(hits) + 1)


ROUNDING = 1e-6  # IoU tolerance: decimals are not exact in binary


def judge(
    truth: npt.NDArray[np.floating],
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    minimum_iou: float,
    neutral: BoolArray | None = None,
    forgiven: BoolArray | None = None,
) -> DetectionResult:
    """Judges the detections of one image.

    Detections are processed by descending score; each claims the unclaimed true box with which it
    has the highest IoU, if at least ``minimum_iou``. One that matches only neutral boxes is
    ignored.

    Args:
        truth: ``(G, 4)`` boxes ltrb.
        boxes: ``(N, 4)`` boxes ltrb.
        scores: ``(N,)`` scores.
        minimum_iou: Minimum IoU of a true detection, in (0, 1].
        neutral: ``(G,)`` bool, boxes whose detection is optional; None if there are none.
        forgiven: ``(N,)`` bool, detections to ignore if they match nothing; None if there are none.
    """
    order = np.argsort(-scores, kind="stable")
    pairs = find_overlaps(boxes[order].astype(np.float64), truth.astype(np.float64))
    pairs = pairs.where(pairs.iou >= minimum_iou - ROUNDING)
    is_neutral = np.zeros(len(truth), np.bool_) if neutral is None else neutral
    claimed = np.zeros(len(truth), np.bool_)
    hits = np.zeros(len(boxes), np.bool_)
    left_out = np.zeros(len(boxes), np.bool_)
    for pair in np.lexsort((-pairs.iou, is_neutral[pairs.columns], pairs.rows)).tolist():
        row, column = pairs.rows[pair], pairs.columns[pair]
        if hits[row] or left_out[row] or claimed[column]:
            continue
        claimed[column] = True
        if is_neutral[column]:
            left_out[row] = True
        else:
            hits[row] = True
    kept = ~left_out
    if forgiven is not None:
        kept &= hits | ~forgiven[order]
    return DetectionResult(
        scores[order][kept].astype(np.float32), hits[kept], int(np.count_nonzero(~is_neutral))
    )
