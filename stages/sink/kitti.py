"""Tracking results in KITTI's format, as read by its evaluation and TrackEval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stages.records import Tracks

_TYPES: Mapping[str, str] = {
    "vehicle": "Car",
    "object": "Car",
    "person": "Pedestrian",  # KITTI's "Person" is sitting
    **{name.lower(): name for name in ("Car", "Van", "Truck", "Pedestrian", "Cyclist", "Tram")},
}
_OTHER = "Misc"
_VISIBILITY = "-1 -1 -10"  # truncated, occluded, alpha
_IN_SPACE = "-1 -1 -1 -1000 -1000 -1000 -10"  # height, width, length, x, y, z, rotation_y


def kitti_rows(tracks: Tracks, number: int, class_names: Sequence[str]) -> str:
    """Returns the rows of one frame in the format of KITTI's tracking devkit, sorted by id.

    Columns, separated by spaces: frame (from 0), id, type, truncated, occluded, alpha, left, top,
    right, bottom, height, width, length, x, y, z, rotation_y, score. Unknown values have the
    devkit's defaults. Boxes are clipped to the frame, as in KITTI's ground truth: its evaluation
    treats an edge of -1 as a missing box. Boxes outside the frame have no row.

    Args:
        tracks: Tracks of the frame, boxes as left, top, right, bottom.
        number: 1-based frame number.
        class_names: Names of the classes. Only KITTI's types are written, since TrackEval rejects
            files with other types.

    Returns:
        One line for each track, each ended by a newline; "" if there are none.
    """
    types = {index: _TYPES.get(name.lower(), _OTHER) for index, name in enumerate(class_names)}
    width, height = tracks.frame.width, tracks.frame.height
    boxes = np.clip(tracks.boxes, 0, (width, height, width, height)).astype(np.float64).round(2)
    order = np.argsort(tracks.ids, kind="stable")
    order = order[np.all(np.isfinite(tracks.boxes[order]), axis=1)]
    order = order[np.all(boxes[order, :2] < boxes[order, 2:], axis=1)]
    columns = zip(
        tracks.ids[order].tolist(),
        tracks.classes[order].tolist(),
        boxes[order].tolist(),
        tracks.scores[order].tolist(),
        strict=True,
    )
    return "".join(
        f"{number - 1} {identity} {types.get(index, _OTHER)} {_VISIBILITY} "
        f"{left:z.2f} {top:z.2f} {right:z.2f} {bottom:z.2f} {_IN_SPACE} {score:z.4f}\n"
        for identity, index, (left, top, right, bottom), score in columns
    )
