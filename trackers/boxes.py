"""Vectorised geometry of boxes.

Boxes are ``(N, 4)`` float64 ``(left, top, right, bottom)`` in pixels. SORT and OC-SORT represent a
box as ``(centre x, centre y, area, aspect)``, where the aspect is width / height.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IndexArray: TypeAlias = npt.NDArray[np.intp]
Floats = TypeVar("Floats", npt.NDArray[np.float32], npt.NDArray[np.float64])


def areas(boxes: Floats) -> Floats:
    """Areas ``(…)`` of boxes ``(…, 4)``."""
    sides: Floats = boxes[..., 2:] - boxes[..., :2]
    return sides[..., 0] * sides[..., 1]


def shorter_sides(boxes: Floats) -> Floats:
    """Width or height ``(…)`` of boxes ``(…, 4)``, whichever is smaller."""
    sides: Floats = boxes[..., 2:] - boxes[..., :2]
    return np.minimum(sides[..., 0], sides[..., 1])


def intersection_areas(a: Floats, b: Floats) -> Floats:
    """Intersection areas ``(…)`` of boxes ``(…, 4)``, whose leading axes broadcast."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    np.maximum(sides, 0, out=sides)
    return sides[..., 0] * sides[..., 1]


def overlaps_of_smaller(a: Floats, b: Floats) -> Floats:
    """Intersections ``(N, M)`` of boxes ``(N, 4)`` and ``(M, 4)``, as fractions of the smaller."""
    smaller = np.minimum(areas(a)[:, None], areas(b)[None]).clip(min=1e-6)
    return intersection_areas(a[:, None], b[None]) / smaller


def centers_inside(boxes: Floats, regions: Floats) -> BoolArray:
    """``(N,)`` mask of the boxes ``(N, 4)`` with their centre in any of the regions ``(R, 4)``."""
    centers = ((boxes[:, :2] + boxes[:, 2:]) / 2)[:, None]
    inside = (centers >= regions[:, :2]) & (centers <= regions[:, 2:])
    return np.any(inside.all(axis=2), axis=1)


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: ``(N, 4)`` boxes.
        b: ``(M, 4)`` boxes.

    Returns:
        ``(N, M)`` in [0, 1]; 0 where both boxes have no area.
    """
    columns = b.T  # one row for each coordinate, to broadcast against the columns of `a`
    left, top, right, bottom = a[:, 0:1], a[:, 1:2], a[:, 2:3], a[:, 3:4]
    width = np.minimum(right, columns[2])
    width -= np.maximum(left, columns[0])
    height = np.minimum(bottom, columns[3])
    height -= np.maximum(top, columns[1])
    np.maximum(width, 0.0, out=width)
    np.maximum(height, 0.0, out=height)
    intersection = np.multiply(width, height, out=width)
    area_a = (right - left) * (bottom - top)
    area_b = (columns[2] - columns[0]) * (columns[3] - columns[1])
    union = np.add(area_a, area_b, out=height)
    union -= intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def to_center_area_aspect(boxes: FloatArray) -> FloatArray:
    """Converts boxes ``(N, 4)`` to ``(N, 4)`` centre x, centre y, area, width / height.

    The areas must be positive.
    """
    starts = boxes[:, :2]
    sizes = boxes[:, 2:] - starts
    width, height = sizes[:, 0], sizes[:, 1]
    measurements = np.empty((len(boxes), 4))
    np.add(starts, sizes / 2, out=measurements[:, :2])
    np.multiply(width, height, out=measurements[:, 2])
    np.divide(width, height, out=measurements[:, 3])
    return measurements


def from_center_area_aspect(states: FloatArray) -> FloatArray:
    """Inverse of `to_center_area_aspect`; not finite where area and aspect describe no box."""
    area = states[:, 2]
    squared_width = area * states[:, 3]
    halves = np.empty((2, len(states)))
    if np.count_nonzero(squared_width > 0) == len(states):
        width = np.sqrt(squared_width, out=halves[0])
        np.divide(area, width, out=halves[1])
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            width = np.sqrt(squared_width, out=halves[0])
            np.divide(area, width, out=halves[1])
    halves /= 2
    return _around(states[:, :2], halves.T)


def to_center_size(boxes: FloatArray) -> FloatArray:
    """Converts boxes ``(N, 4)`` to ``(N, 4)`` centre x, centre y, width, height."""
    measurements = np.empty((len(boxes), 4))
    starts, sizes = boxes[:, :2], measurements[:, 2:]
    np.subtract(boxes[:, 2:], starts, out=sizes)
    np.add(starts, sizes / 2, out=measurements[:, :2])
    return measurements


def from_center_size(states: FloatArray) -> FloatArray:
    """Inverse of `to_center_size`."""
    return _around(states[:, :2], states[:, 2:] / 2)


def _around(centers: FloatArray, halves: FloatArray) -> FloatArray:
    """Boxes ``(N, 4)`` from their centres and half sizes, both ``(N, 2)``."""
    boxes = np.empty((len(centers), 4))
    np.subtract(centers, halves, out=boxes[:, :2])
    np.add(centers, halves, out=boxes[:, 2:])
    return boxes
