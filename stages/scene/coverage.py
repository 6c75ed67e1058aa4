"""Measures how much of each object is inside the frame, how much is hidden, and by what.

An object is represented by its hull, the convex outline of everything that is painted of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import Float64Array, Int16Array, Int64Array
from stages.scene.drawing import Int32Array, to_fixed

Crop = tuple[slice, slice]  # rows and columns of a box

_SHIFT = 8  # fractional bits of the hulls' coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What hides each object.

    Attributes:
        occluders: ``(M,)`` index of the object that hides most of each object, -1 if that is not
            solid (a tree's crown) or if nothing hides it.
        overlaps: ``(M, 4)`` left, top, right, bottom in pixels of the hidden part; empty where
            nothing is hidden.
    """

    occluders: Int64Array
    overlaps: Float64Array


class Coverage:
    """An image of the nearest hull at each pixel; hulls are added from far to near.

    Args:
        size: Frame width and height in pixels.
        count: Number of objects.

    Attributes:
        covers: ``(H, W)`` int16, 1 + index of the object, 0 for none.
        inside: ``(M,)`` share of each hull inside the frame.
        crops: Region of ``covers`` that holds each object added.
    """

    def __init__(self, size: tuple[int, int], count: int) -> None:
        self.covers: Int16Array = np.zeros((size[1], size[0]), np.int16)
        self.inside: Float64Array = np.zeros(count)
        self.crops: dict[int, Crop] = {}
        self._hulls: dict[int, Int32Array] = {}
        self._totals = np.zeros(count)

    def add(self, item: int, points: Float64Array, box: Float64Array) -> None:
        """Adds the hull of an object's ``points`` ``(N, 2)``, pixels, which lie in ``box``."""
        hull = cv2.convexHull(points.astype(np.float32))
        self._hulls[item] = to_fixed(hull, _SHIFT)
        cv2.fillConvexPoly(self.covers, self._hulls[item], item + 1, cv2.LINE_8, _SHIFT)
        self.crops[item] = _crop(box)
        total = self._shown(item)
        outline = cv2.arcLength(hull, True) / 2 + 1
        self._totals[item] = total
        self.inside[item] = min(1.0, total / max(cv2.contourArea(hull) + outline, 1e-6))

    def visible(self) -> Float64Array:
        """Returns the ``(M,)`` share of each hull's pixels in the frame that nothing hides."""
        visible = np.zeros(len(self._totals))
        for item in self.crops:
            if self._totals[item]:
                visible[item] = self._shown(item) / self._totals[item]
        return visible

    def occlusion(self, visible: Float64Array) -> Occlusion:
        """Returns what hides the hulls that are not fully visible.

        Args:
            visible: ``(M,)`` visible share of each hull, see `visible`.
        """
        occluders = np.full(len(visible), -1, np.int64)
        overlaps = np.zeros((len(visible), 4))
        for item, (rows, columns) in self.crops.items():
            part = self.covers[rows, columns]
            if visible[item] == 1 or not part.size:
                continue
            own = np.zeros(part.shape, np.uint8)
            offset = np.array([-columns.start << _SHIFT, -rows.start << _SHIFT], np.int32)
            cv2.fillConvexPoly(own, self._hulls[item] + offset, 1, cv2.LINE_8, _SHIFT)
            hidden = (own > 0) & (part != item + 1)
            y, x = np.nonzero(hidden)
            if not len(y):
                continue
            overlaps[item] = [x.min(), y.min(), x.max() + 1, y.max() + 1]
            overlaps[item] += [columns.start, rows.start, columns.start, rows.start]
            occluders[item] = int(np.bincount(part[hidden]).argmax()) - 1
        return Occlusion(occluders, overlaps)

    def _shown(self, item: int) -> int:
        """Returns the number of pixels that show an object's hull."""
        return int(np.count_nonzero(self.covers[self.crops[item]] == item + 1))


def _crop(box: Float64Array) -> Crop:
    left, top, right, bottom = box
    return (
        slice(max(0, int(top) - 1), max(0, int(bottom) + 3)),
        slice(max(0, int(left) - 1), max(0, int(right) + 3)),
    )
