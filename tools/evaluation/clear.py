"""CLEAR-MOT (Bernardin and Stiefelhagen 2008) as MOTChallenge's TrackEval computes it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from stages.records import Int64Array
from tools.evaluation.comparison import Comparison, FrameComparison

MOSTLY_TRACKED = 0.8  # MT: more than this share of a track's frames is matched
MOSTLY_LOST = 0.2  # ML: less than this share
KEEP_BONUS = 1000.0  # outweighs any sum of IoU: a pair of the previous frame is kept first
NOBODY = -1
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class ClearResult:
    """Counts of one sequence or, added up, of several; the scores follow from them.

    A ratio without anything in its denominator is 0, except MOTA, which then counts every false
    positive and switch as a whole, as TrackEval's combined figures do.

    Attributes:
        true_positives: Matched boxes.
        false_positives: Result boxes without a match.
        false_negatives: Ground-truth boxes without a match.
        id_switches: Matches with another result track than the ground-truth track's last match.
        fragmentations: Times a ground-truth track is matched again after a frame without.
        mostly_tracked: Ground-truth tracks matched in more than 80 % of their frames.
        partly_tracked: Those between.
        mostly_lost: Those matched in less than 20 % of their frames.
        iou_sum: Sum of the IoU of all matches.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    id_switches: int = 0
    fragmentations: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: ClearResult) -> ClearResult:
        return ClearResult(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )

    @property
    def mota(self) -> float:
        """1 minus errors per ground-truth box, range (-inf, 1]."""
        correct = self.true_positives - self.false_positives - self.id_switches
        return correct / max(1, self.true_positives + self.false_negatives)

    @property
    def motp(self) -> float:
        """Mean IoU of the matches, range [0, 1]."""
        return self.iou_sum / max(1, self.true_positives)

    @property
    def precision(self) -> float:
        """Share of the result boxes that are matched."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the ground-truth boxes that are matched."""
        return self.true_positives / max(1, self.true_positives + self.false_negatives)


def clear(comparison: Comparison, iou_threshold: float = 0.5) -> ClearResult:
    """Counts matches and errors of a sequence.

    In each frame, pairs matched in the previous frame are kept where their IoU allows, the rest is
    matched for the greatest sum of IoU. As in TrackEval, a frame in which either side has no box
    at all is passed over: the frame before it counts as the previous one of the frame after it.

    Args:
        comparison: Ground truth and result.
        iou_threshold: Least IoU of a match, in (0, 1].

    Raises:
        ValueError: The threshold is out of its range.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must lie in (0, 1], got {iou_threshold}")
    tracks = len(comparison.truth_lengths)
    matched = np.zeros(tracks, np.int64)  # frames in which each ground-truth track is matched
    starts = np.zeros(tracks, np.int64)  # unbroken runs of such frames
    last = np.full(tracks, NOBODY)  # its last partner, however long ago
    previous = np.full(tracks, NOBODY)  # its partner in the previous frame
    switches = 0
    iou_sum = 0.0
    for frame in comparison.frames:
        if frame.iou.size == 0:
            continue
        rows, columns = _matches(frame, previous, iou_threshold)
        truth, result = frame.truth[rows], frame.result[columns]
        switches += int(np.count_nonzero((last[truth] != NOBODY) & (last[truth] != result)))
        starts[truth] += previous[truth] == NOBODY
        matched[truth] += 1
        last[truth] = result
        previous[:] = NOBODY
        previous[truth] = result
        iou_sum += float(frame.iou[rows, columns].sum())

    shares = matched / comparison.truth_lengths
    mostly_tracked = int(np.count_nonzero(shares > MOSTLY_TRACKED))
    mostly_lost = int(np.count_nonzero(shares < MOSTLY_LOST))
    true_positives = int(matched.sum())
    return ClearResult(
        true_positives=true_positives,
        false_positives=int(comparison.result_lengths.sum()) - true_positives,
        false_negatives=int(comparison.truth_lengths.sum()) - true_positives,
        id_switches=switches,
        fragmentations=int((starts[starts > 0] - 1).sum()),
        mostly_tracked=mostly_tracked,
        partly_tracked=tracks - mostly_tracked - mostly_lost,
        mostly_lost=mostly_lost,
        iou_sum=iou_sum,
    )


def _matches(
    frame: FrameComparison, previous: Int64Array, iou_threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of ``frame.iou`` that are matched."""
    kept = previous[frame.truth][:, None] == frame.result
    allowed = frame.iou >= iou_threshold - EPSILON
    gains = np.where(allowed, frame.iou + KEEP_BONUS * kept, 0.0)
    rows, columns = linear_sum_assignment(gains, maximize=True)
    good = allowed[rows, columns]
    return rows[good], columns[good]
