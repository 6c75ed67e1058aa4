"""Maps points between the frames of a moving camera and the picture on which lines were drawn."""

from __future__ import annotations

import numpy as np

from stages.records import SECONDS_ERROR, Float64Array, View

OUTAGE_SECONDS = 1.0 + SECONDS_ERROR
"""How long frames may have no view: until then, lines are drawn by the last one; then, this is
reported."""


def view_row(view: View | None, number: int) -> str:
    """Returns the row of frame ``number`` in ``views.txt``; "" if its view is not known."""
    return f"{number},{','.join(f'{each:.9g}' for each in view)}\n" if view else ""


def to_picture(view: View, points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Maps points ``(N, 2)`` of a frame to the picture.

    Returns:
        The points, NaN where they are behind the camera or the view is unknown, and ``(N,)``: how
        many pixels of the picture a pixel of the frame is long there.
    """
    if not view:
        return np.full(points.shape, np.nan), np.full(len(points), np.nan)
    matrix = np.array(view).reshape(3, 3)
    found, depths = _mapped(points, matrix)
    return found, np.sqrt(abs(np.linalg.det(matrix)) / depths**3)


def to_frame(view: View, points: Float64Array) -> Float64Array:
    """Maps points ``(N, 2)`` of the picture to a frame; NaN as in `to_picture`."""
    if not view:
        return np.full(points.shape, np.nan)
    return _mapped(points, np.asarray(np.linalg.inv(np.reshape(view, (3, 3))), np.float64))[0]


def _mapped(points: Float64Array, matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    found = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    depths = found[:, 2]
    depths[~(depths > 0)] = np.nan
    return found[:, :2] / depths[:, None], depths
