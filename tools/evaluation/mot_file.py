"""Reading of MOTChallenge ground truth and results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.errors import ConfigError
from stages.number_table import NumberTable
from tools.evaluation.trajectories import Trajectories

MIN_COLUMNS = 6
IDENTITY, LEFT, CONSIDERED = 1, 2, 6


def read_mot(path: Path, *, considered_only: bool = False) -> Trajectories:
    """Reads ``frame,id,left,top,width,height,…``, frames counted from 1, ``.gz`` too.

    Args:
        path: The file; one without lines has no boxes.
        considered_only: Leave out rows whose seventh column is 0, by which MOTChallenge's ground
            truth marks boxes that are not to be scored. In results that column is a confidence.

    Raises:
        ConfigError: The file cannot be read, a line is malformed, or an id stands twice in a frame.
    """
    table = NumberTable.read(path, MIN_COLUMNS, "tracks")
    values = table.values
    frames = table.frame_indices()
    ids = values[:, IDENTITY]
    table.reject(
        (ids != np.floor(ids)) | (np.abs(ids) > 2**53),
        lambda row: f"id must be a whole number, got {row[IDENTITY]:g}",
    )
    boxes = values[:, LEFT : LEFT + 4].copy()
    table.reject(
        (boxes[:, 2] < 0) | (boxes[:, 3] < 0),
        lambda row: f"width and height must not be negative, got {row[4]:g} and {row[5]:g}",
    )
    boxes[:, 2:] += boxes[:, :2]
    kept = np.ones(len(values), np.bool_)
    if considered_only and values.shape[1] > CONSIDERED:
        kept = values[:, CONSIDERED] != 0
    try:
        return Trajectories.from_arrays(frames[kept], ids[kept].astype(np.int64), boxes[kept])
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
