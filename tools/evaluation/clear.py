"""CLEAR-MOT (Bernardin and Stiefelhagen 2008) as MOTChallenge's TrackEval computes it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from stages.records import BoolArray, Float64Array, Int64Array
from tools.evaluation.comparison import Comparison, FrameComparison
from tools.evaluation.sums import MatchCounts
from trackers.assignment import linear_sum_assignment
from trackers.settings import checked_share

MOSTLY_TRACKED = 0.8  # fraction of its frames in which a track is matched
MOSTLY_LOST = 0.2
KEEP_BONUS = 1000.0  # outweighs any sum of IoU, so that pairs of the previous frame are kept first
NO_TRACK = -1
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class ClearResult(MatchCounts):
    """Counts of one sequence or, summed, of several; the scores follow from them.

    A ratio whose denominator is 0 is 0, except MOTA, whose denominator is then 1, as in
    TrackEval's combined figures.

    Attributes:
        id_switches: Matches with another result track than the ground-truth track's last match.
        fragmentations: Number of times a ground-truth track is matched again after an unmatched
            frame.
        mostly_tracked: Ground-truth tracks matched in more than 80 % of their frames.
        partly_tracked: Ground-truth tracks in between.
        mostly_lost: Ground-truth tracks matched in less than 20 % of their frames.
        iou_sum: Sum of the IoU of all matches.
    """

    id_switches: int = 0
    fragmentations: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0
    iou_sum: float = 0.0

    @property
    def mota(self) -> float:
        """1 minus errors per ground-truth box, range (-inf, 1]."""
        correct = self.true_positives - self.false_positives - self.id_switches
        return correct / max(1, self.true_positives + self.false_negatives)

    @property
    def motp(self) -> float:
        """Mean IoU of the matches, range [0, 1]."""
        return self.iou_sum / max(1, self.true_positives)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """All matched boxes of a sequence, by frame.

    Attributes:
        frames: ``(K,)`` frames, 0-based.
        truth: ``(K,)`` ground-truth tracks, as indices from 0.
        result: ``(K,)`` result tracks, as indices from 0.
        iou: ``(K,)`` IoU of the boxes.
        switched: ``(K,)`` whether the ground-truth track was last matched by another result track.
        resumed: ``(K,)`` whether it was not matched in the previous frame.
    """

    frames: Int64Array
    truth: Int64Array
    result: Int64Array
    iou: Float64Array
    switched: BoolArray
    resumed: BoolArray


def match_boxes(
    comparison: Comparison, iou_threshold: float, *, as_detrac: bool = False
) -> Matches:
    """Matches a sequence frame by frame.

    In each frame, pairs matched in the previous frame are kept if their IoU suffices, and the rest
    are matched to maximise the sum of IoU.

    Args:
        comparison: Ground truth and result.
        iou_threshold: Minimum IoU of a match, in (0, 1].
        as_detrac: Whether a frame in which either side has no boxes interrupts tracks; TrackEval
            skips it: its predecessor counts as the previous frame of its successor.

    Raises:
        ValueError: The threshold is out of range.
    """
    checked_share("iou_threshold", iou_threshold)
    tracks = len(comparison.truth_lengths)
    last = np.full(tracks, NO_TRACK)  # last match of each ground-truth track, however long ago
    previous = np.full(tracks, NO_TRACK)  # match of each ground-truth track in the previous frame
    numbers, flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    parts = [Matches(numbers, numbers, numbers, np.empty(0), flags, flags)]
    for index, frame in enumerate(comparison.frames):
        if frame.iou.size == 0:
            if as_detrac:
                previous[:] = NO_TRACK
            continue
        rows, columns = _matches(frame, previous, iou_threshold)
        truth, result = frame.truth[rows], frame.result[columns]
        parts.append(
            Matches(
                np.full(len(rows), index),
                truth,
                result,
                frame.iou[rows, columns],
                (last[truth] != NO_TRACK) & (last[truth] != result),
                previous[truth] == NO_TRACK,
            )
        )
        last[truth] = result
        previous[:] = NO_TRACK
        previous[truth] = result
    return Matches(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Matches))
    )


def clear(
    comparison: Comparison, iou_threshold: float = 0.5, *, as_detrac: bool = False
) -> ClearResult:
    """Counts matches and errors of a sequence; see `match_boxes`.

    Args:
        comparison: Ground truth and result.
        iou_threshold: Minimum IoU of a match, in (0, 1].
        as_detrac: Whether to count as UA-DETRAC does: a track of exactly 80 % is mostly tracked and
            one of exactly 20 % mostly lost, and empty frames count, see `match_boxes`. In
            MOTChallenge none of this holds.

    Raises:
        ValueError: The threshold is out of range.
    """
    matches = match_boxes(comparison, iou_threshold, as_detrac=as_detrac)
    return clear_of_matches(comparison, matches, as_detrac=as_detrac)


def clear_of_matches(
    comparison: Comparison, matches: Matches, *, as_detrac: bool = False
) -> ClearResult:
    """Returns the counts for the ``matches`` of ``comparison``; see `clear`."""
    tracks = len(comparison.truth_lengths)
    shares = np.bincount(matches.truth, minlength=tracks) / comparison.truth_lengths
    starts = np.bincount(matches.truth[matches.resumed])
    if as_detrac:
        tracked, lost = shares >= MOSTLY_TRACKED, shares <= MOSTLY_LOST
    else:
        tracked, lost = shares > MOSTLY_TRACKED, shares < MOSTLY_LOST
    mostly_tracked, mostly_lost = int(np.count_nonzero(tracked)), int(np.count_nonzero(lost))
    true_positives = len(matches.truth)
    return ClearResult(
        true_positives=true_positives,
        false_positives=int(comparison.result_lengths.sum()) - true_positives,
        false_negatives=int(comparison.truth_lengths.sum()) - true_positives,
        id_switches=int(np.count_nonzero(matches.switched)),
        fragmentations=int((starts[starts > 0] - 1).sum()),
        mostly_tracked=mostly_tracked,
        partly_tracked=tracks - mostly_tracked - mostly_lost,
        mostly_lost=mostly_lost,
        iou_sum=float(matches.iou.sum()),
    )


def _matches(
    frame: FrameComparison, previous: Int64Array, iou_threshold: float
) -> tuple[Int64Array, Int64Array]:
    """Returns the matched rows and columns, ``(M,)`` each, of ``frame.iou``."""
    kept = previous[frame.truth][:, None] == frame.result
    allowed = frame.iou >= iou_threshold - EPSILON
    gains = np.where(allowed, frame.iou + KEEP_BONUS * kept, 0.0)
    rows, columns = linear_sum_assignment(gains, maximize=True)
    good = allowed[rows, columns]
    return rows[good], columns[good]


def errors_by_frame(comparison: Comparison, matches: Matches, frame_count: int) -> Int64Array:
    """Returns ``(frame_count, 3)`` false positives, false negatives and id switches per frame."""
    errors = np.zeros((frame_count, 3), np.int64)
    for index, frame in enumerate(comparison.frames):
        errors[index, :2] = len(frame.result), len(frame.truth)
    hits = np.bincount(matches.frames, minlength=frame_count)[:, None]
    errors[:, :2] -= hits
    errors[:, 2] = np.bincount(matches.frames[matches.switched], minlength=frame_count)
    return errors
