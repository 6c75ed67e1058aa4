"""Scores of detections: which of them are true, average precision, precision and recall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stages.records import Float32Array
from trackers.boxes import BoolArray, FloatArray
from trackers.overlaps import find_overlaps


def _no_scores() -> Float32Array:
    return np.empty(0, np.float32)


def _no_hits() -> BoolArray:
    return np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class DetectionResult:
    """Detections of any number of images, each judged true or false at one IoU.

    Attributes:
        scores: ``(N,)`` float32.
        hits: ``(N,)`` whether each is true.
        truth: True boxes there are.
    """

    scores: Float32Array = field(default_factory=_no_scores)
    hits: BoolArray = field(default_factory=_no_hits)
    truth: int = 0

    @classmethod
    def combined(cls, results: Iterable[DetectionResult]) -> DetectionResult:
        """The images of all ``results`` together."""
        parts = [cls(), *results]
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.hits for part in parts]),
            sum(part.truth for part in parts),
        )

    @property
    def average_precision(self) -> float:
        """Area under the precision-recall curve, precision made monotone (all-point rule).

        NaN where there is no true box at all.
        """
        if self.truth == 0:
            return float("nan")
        recall, precision = self.curve
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))

    @property
    def curve(self) -> tuple[FloatArray, FloatArray]:
        """Recall and precision ``(N,)`` of the best 1, 2, … N detections."""
        hits = np.cumsum(self.hits[np.argsort(-self.scores, kind="stable")])
        return hits / max(1, self.truth), hits / np.arange(1, len(hits) + 1)


ROUNDING = 1e-6  # boxes of files are kept in single precision, IoU is that exact


def judge(
    truth: npt.NDArray[np.floating],
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    minimum_iou: float,
    neutral: BoolArray | None = None,
    forgiven: BoolArray | None = None,
) -> DetectionResult:
    """Judges the detections of one image.

    Detections are taken by falling score; each claims the still unclaimed true box that it
    overlaps most, if by ``minimum_iou``. One that finds only neutral boxes is left out.

    Args:
        truth: ``(G, 4)`` boxes ltrb.
        boxes: ``(N, 4)`` boxes ltrb.
        scores: ``(N,)``.
        minimum_iou: Overlap that makes a detection true, in (0, 1].
        neutral: ``(G,)`` boxes that need not be found, and may be. None: there is none.
        forgiven: ``(N,)`` detections left out where they find nothing. None: there is none.
    """
    order = np.argsort(-scores, kind="stable")
    pairs = find_overlaps(boxes[order].astype(np.float64), truth.astype(np.float64))
    pairs = pairs.where(pairs.iou >= minimum_iou - ROUNDING)
    idle = np.zeros(len(truth), np.bool_) if neutral is None else neutral
    claimed = np.zeros(len(truth), np.bool_)
    hits = np.zeros(len(boxes), np.bool_)
    left_out = np.zeros(len(boxes), np.bool_)
    for place in np.lexsort((-pairs.iou, idle[pairs.columns], pairs.rows)).tolist():
        row, column = pairs.rows[place], pairs.columns[place]
        if hits[row] or left_out[row] or claimed[column]:
            continue
        claimed[column] = True
        if idle[column]:
            left_out[row] = True
        else:
            hits[row] = True
    kept = ~left_out
    if forgiven is not None:
        kept &= hits | ~forgiven[order]
    return DetectionResult(
        scores[order][kept].astype(np.float32), hits[kept], int(np.count_nonzero(~idle))
    )


def average_precision(
    truth: Sequence[Float32Array],
    boxes: Sequence[Float32Array],
    scores: Sequence[Float32Array],
    minimum_iou: float = 0.5,
) -> float:
    """Average precision over a set of images.

    Args:
        truth: Per image ``(G, 4)`` boxes ltrb.
        boxes: Per image ``(N, 4)`` boxes ltrb.
        scores: Per image ``(N,)``.
        minimum_iou: Overlap that makes a detection true.

    Returns:
        AP in [0, 1]; NaN where there is no true box at all.
    """
    judged = (judge(*image, minimum_iou) for image in zip(truth, boxes, scores, strict=True))
    return DetectionResult.combined(judged).average_precision
