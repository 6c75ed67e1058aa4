"""What each pixel shows, exactly, and what hides a thing: slower truth than drawing needs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stages.records import Float64Array, Int16Array, Int64Array

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """By what things are hidden.

    Attributes:
        occluders: ``(M,)`` the thing that hides most of each thing, -1 where that is no solid
            thing (a tree's crown) or where nothing hides it.
        overlaps: ``(M, 4)`` left, top, right, bottom in pixels of the extent of what is hidden;
            empty where nothing is.
    """

    occluders: Int64Array
    overlaps: Float64Array


class Silhouettes:
    """An image of 1 + index of the thing that each pixel shows, 0 for the ground and trees.

    Things are added as they are painted, far to near. In contrast to the hulls, gaps between a
    thing's parts and outlines that bend inwards are exact, to the half pixel that a drawn outline
    is wide.

    Args:
        size: Frame width and height in pixels.
        shift: Fractional bits of the coordinates.
    """

    def __init__(self, size: tuple[int, int], shift: int) -> None:
        self.owners: Int16Array = np.zeros((size[1], size[0]), np.int16)
        self._shift = shift

    def add(self, item: int, faces: list[Int32Array]) -> None:
        """Adds a thing's faces that are turned to the camera, ``(P, 2)`` points each."""
        for face in faces:
            cv2.fillConvexPoly(self.owners, face, item + 1, cv2.LINE_8, self._shift)


def find_occlusion(
    covers: Int16Array,
    hulls: dict[int, Int32Array],
    crops: dict[int, tuple[slice, slice]],
    count: int,
    shift: int,
) -> Occlusion:
    """Looks for what lies over each thing's hull.

    Args:
        covers: ``(H, W)`` 1 + index of the nearest thing, 0 for none.
        hulls: Each thing's outline, with ``shift`` fractional bits.
        crops: Rows and columns of its bounding box.
        count: How many things there are.
        shift: Fractional bits.
    """
    occluders = np.full(count, -1, np.int64)
    overlaps = np.zeros((count, 4))
    for item, hull in hulls.items():
        rows, columns = crops[item]
        part = covers[rows, columns]
        if not part.size:
            continue
        own = np.zeros(part.shape, np.uint8)
        offset = (-columns.start << shift, -rows.start << shift)
        cv2.fillConvexPoly(own, hull + np.array(offset, np.int32), 1, cv2.LINE_8, shift)
        hidden = (own > 0) & (part != item + 1)
        y, x = np.nonzero(hidden)
        if not len(y):
            continue
        overlaps[item] = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        overlaps[item] += [columns.start, rows.start, columns.start, rows.start]
        occluders[item] = int(np.bincount(part[hidden]).argmax()) - 1
    return Occlusion(occluders, overlaps)
