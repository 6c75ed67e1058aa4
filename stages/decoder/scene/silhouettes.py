"""What each pixel shows, exactly; slower, and not needed for drawing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stages.decoder.scene.drawing import SHIFT, Int32Array
from stages.records import Int16Array


class Silhouettes:
    """An image of 1 + index of the thing that each pixel shows, 0 for the ground and trees.

    Things are added as they are painted, far to near. Unlike in the hulls, gaps between a thing's
    parts and concave outlines are exact, to the half pixel that a drawn outline is wide.

    Args:
        size: Frame width and height in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.owners: Int16Array = np.zeros((size[1], size[0]), np.int16)

    def add(self, item: int, faces: Sequence[Int32Array]) -> None:
        """Adds a thing's faces that are turned to the camera, ``(P, 2)`` fixed-point each."""
        for face in faces:
            cv2.fillConvexPoly(self.owners, face, item + 1, cv2.LINE_8, SHIFT)
