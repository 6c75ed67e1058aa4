"""Ground truth and result of a sequence side by side: the input of every tracking metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.records import Float64Array, Int64Array
from tools.annotations.trajectories import Trajectories, rows_by_frame
from trackers.boxes import iou_matrix


@dataclass(frozen=True, slots=True, eq=False)
class FrameComparison:
    """Tracks and overlaps of one frame.

    Attributes:
        truth: ``(G,)`` ground-truth tracks, as indices from 0.
        result: ``(R,)`` result tracks, as indices from 0.
        iou: ``(G, R)`` float64 IoU of their boxes.
    """

    truth: Int64Array
    result: Int64Array
    iou: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Tracks and overlaps of a sequence.

    Attributes:
        frames: Every frame up to the last with a box.
        truth_lengths: ``(G,)`` number of boxes of each ground-truth track.
        result_lengths: ``(R,)`` number of boxes of each result track.
    """

    frames: tuple[FrameComparison, ...]
    truth_lengths: Int64Array
    result_lengths: Int64Array


def compare(truth: Trajectories, result: Trajectories) -> Comparison:
    """Numbers the tracks of both from 0 and computes the IoU of their boxes, frame by frame."""
    truth_tracks, truth_lengths = _numbered(truth)
    result_tracks, result_lengths = _numbered(result)
    count = max(truth.frame_count, result.frame_count)
    truth_rows = rows_by_frame(truth.frames, count)
    result_rows = rows_by_frame(result.frames, count)
    frames = tuple(
        FrameComparison(
            truth_tracks[real],
            result_tracks[found],
            iou_matrix(truth.boxes[real], result.boxes[found]),
        )
        for real, found in zip(truth_rows, result_rows, strict=True)
    )
    return Comparison(frames, truth_lengths, result_lengths)


def _numbered(trajectories: Trajectories) -> tuple[Int64Array, Int64Array]:
    _, tracks, lengths = np.unique(trajectories.ids, return_inverse=True, return_counts=True)
    return tracks, lengths
