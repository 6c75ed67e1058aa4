"""Camera motion, as an affine map from the previous frame's pixels to this frame's."""

from __future__ import annotations

import numpy as np

from trackers.boxes import FloatArray, IndexArray
from trackers.overlaps import neighbors

_REACH = 60.0  # pixels: the largest displacement considered, along each axis
_CELL = 6.0  # pixels: displacements this close count as one
_MIN_VOTES = 4
_SEED_SHARE = 0.3  # fraction of the objects that must agree on one displacement at first,
_MIN_SHARE = 0.6  # and on the fitted motion: fewer may be one of two directions of traffic
_MIN_ADVANTAGE = 1.1  # ratio of the votes for a motion to those for none
_SIZE_TOLERANCE = 0.35  # |log| of the ratio of two widths or heights
_STIFFNESS = 5e4  # pixels²: how far objects must spread for a rotation or zoom to be trusted
_OUTLIERS = (20.0, 12.0, 6.0, 3.0)  # residual in pixels that quarters a pair's weight, by iteration


def motion_from_boxes(predicted: FloatArray, observed: FloatArray) -> FloatArray | None:
    """Estimates how the image moved relative to the predictions, by a vote of its objects.

    Every pair of a prediction and an observation of similar size votes for the displacement
    between the two. If enough pairs agree on one displacement, a similarity transform is fitted
    robustly; if the objects lie close together, it is kept close to a translation.

    Args:
        predicted: ``(T, 4)`` predicted centre x, centre y, width, height of the objects in this
            frame.
        observed: ``(N, 4)`` detections of this frame, in the same layout.

    Returns:
        ``(2, 3)`` map from predicted to observed positions; None if too few objects agree.
    """
    count = min(len(predicted), len(observed))
    if count < _MIN_VOTES:
        return None
    rows, columns = _candidates(predicted, observed)
    sources, targets = predicted[rows, :2], observed[columns, :2]
    displacements = targets - sources
    cells = np.floor((displacements + _REACH) / _CELL).astype(np.intp)
    side = int(2 * _REACH / _CELL) + 3  # an empty cell on each side
    votes = np.zeros((side, side), np.int64)
    np.add.at(votes, (cells[:, 0] + 1, cells[:, 1] + 1), 1)
    strips = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    around = strips[:-2] + strips[1:-1] + strips[2:]  # of each cell and its eight neighbours
    best = np.unravel_index(around.argmax(), around.shape)
    if around[best] < max(_MIN_VOTES, _SEED_SHARE * count):
        return None
    peak = np.median(displacements[(np.abs(cells - best) <= 1).all(axis=1)], axis=0)
    agreeing = (np.abs(displacements - peak) < _CELL).all(axis=1)
    still = (np.abs(displacements) < _CELL).all(axis=1)
    if agreeing.sum() <= _MIN_ADVANTAGE * still.sum():
        agreeing = still
    if agreeing.sum() < _MIN_VOTES:
        return None
    motion = np.column_stack((np.eye(2), np.median(displacements[agreeing], axis=0)))
    motion = _fitted(sources, targets, motion)
    agreeing = (np.abs(moved_points(sources, motion) - targets) < _CELL).all(axis=1)
    # In a crowd an object has many partners; it counts once.
    voters = min(len(np.unique(rows[agreeing])), len(np.unique(columns[agreeing])))
    return motion if voters >= max(_MIN_VOTES, _MIN_SHARE * count) else None


def moved_points(points: FloatArray, motion: FloatArray) -> FloatArray:
    """Applies an affine ``motion`` ``(2, 3)`` to points ``(N, 2)``."""
    return points @ motion[:, :2].T + motion[:, 2]


def scale_of(motion: FloatArray) -> float:
    """Scale factor of an affine ``motion`` ``(2, 3)``."""
    return float(np.sqrt(abs(np.linalg.det(motion[:, :2]))))


def _candidates(predicted: FloatArray, observed: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Indices ``(K,)`` of pairs of predictions and observations in reach and similar in size."""
    rows, columns = neighbors(_around(predicted), _around(observed))
    sizes = np.maximum(predicted[rows, 2:], 1.0)
    resizing = np.abs(np.log(np.maximum(observed[columns, 2:], 1.0) / sizes))
    alike = (resizing < _SIZE_TOLERANCE).all(axis=1)
    return rows[alike], columns[alike]


def _around(objects: FloatArray) -> FloatArray:
    """Boxes that touch if two centres are within `_REACH` of each other, in x and in y."""
    centers = objects[:, :2]
    return np.concatenate((centers - _REACH / 2, centers + _REACH / 2), axis=1)


def _fitted(sources: FloatArray, targets: FloatArray, motion: FloatArray) -> FloatArray:
    """Fits a similarity transform near ``motion``, discounting outliers by reweighting."""
    for outlier in _OUTLIERS:
        errors = ((moved_points(sources, motion) - targets) ** 2).sum(axis=1, keepdims=True)
        weights = 1 / (1 + errors / outlier**2) ** 2
        total = weights.sum()
        source_center = (weights * sources).sum(axis=0) / total
        target_center = (weights * targets).sum(axis=0) / total
        x, y = (sources - source_center).T
        u, v = (weights * (targets - target_center)).T
        spread = (weights * (sources - source_center) ** 2).sum() + _STIFFNESS
        cosine = ((x * u + y * v).sum() + _STIFFNESS) / spread
        sine = (x * v - y * u).sum() / spread
        turn = np.array([[cosine, -sine], [sine, cosine]])
        motion = np.column_stack((turn, target_center - turn @ source_center))
    return motion
