"""Ground truth and result of a sequence side by side: the input of every tracking metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.records import Int64Array
from tools.annotations.trajectories import Trajectories
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
    iou: npt.NDArray[np.float64]


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
    truth_bounds = np.searchsorted(truth.frames, np.arange(count + 1)).tolist()
    result_bounds = np.searchsorted(result.frames, np.arange(count + 1)).tolist()
    frames = []
    for index in range(count):
        truth_rows = slice(truth_bounds[index], truth_bounds[index + 1])
        result_rows = slice(result_bounds[index], result_bounds[index + 1])
        frames.append(
            FrameComparison(
                truth_tracks[truth_rows],
                result_tracks[result_rows],
                iou_matrix(truth.boxes[truth_rows], result.boxes[result_rows]),
            )
        )
    return Comparison(tuple(frames), truth_lengths, result_lengths)


def _numbered(trajectories: Trajectories) -> tuple[Int64Array, Int64Array]:
    _, tracks, lengths = np.unique(trajectories.ids, return_inverse=True, return_counts=True)
    return tracks, lengths
