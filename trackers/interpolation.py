"""Fills gaps in finished tracks, for results that need not be online."""

from __future__ import annotations

import numpy as np

from trackers.boxes import FloatArray
from trackers.tracker import Int64Array


def fill_gaps(
    frames: Int64Array, ids: Int64Array, values: FloatArray, max_frames: int
) -> tuple[Int64Array, Int64Array, FloatArray]:
    """Fills gaps in tracks by linear interpolation between the boxes on either side.

    Args:
        frames: ``(N,)`` frame of each box.
        ids: ``(N,)`` track of each box, at most one in a frame.
        values: ``(N, D)`` values to interpolate: the box, possibly a score.
        max_frames: Maximum number of missing frames in a gap that is filled, >= 0.

    Returns:
        Frames ``(M,)``, ids ``(M,)`` and values ``(M, D)``, including those filled in, sorted by
        frame and id.

    Raises:
        ValueError: ``max_frames`` is negative.
    """
    if max_frames < 0:
        raise ValueError(f"max_frames must not be negative, got {max_frames}")
    order = np.lexsort((frames, ids))
    frames, ids, values = frames[order], ids[order], values[order]
    missing = np.where(np.diff(ids) == 0, np.diff(frames) - 1, 0)
    missing[missing > max_frames] = 0
    starts = np.repeat(np.arange(len(missing)), missing)  # the row before each filled one
    first = np.repeat(np.cumsum(missing) - missing, missing)
    steps = np.arange(len(starts)) - first + 1
    shares = (steps / (missing[starts] + 1))[:, None]
    filled = values[starts] + (values[starts + 1] - values[starts]) * shares
    frames = np.concatenate((frames, frames[starts] + steps))
    ids = np.concatenate((ids, ids[starts]))
    values = np.concatenate((values, filled))
    order = np.lexsort((ids, frames))
    return frames[order], ids[order], values[order]
