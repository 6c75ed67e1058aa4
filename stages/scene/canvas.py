"""The canvas on which the ground's masks are drawn."""

from __future__ import annotations

import cv2
import numpy as np

from stages.records import Float64Array, UInt8Array
from stages.scene.drawing import SHIFT, to_fixed
from stages.scene.road import turn


class Canvas:
    """Draws shapes given in ground coordinates into square masks of the ground.

    Args:
        size: Side of the masks in pixels.
        reach: The square extends from -reach to +reach, metres; north is up.

    Attributes:
        size: Side of the masks in pixels.
        reach: Half the side in metres.
        scale: Pixels per metre.
    """

    def __init__(self, size: int, reach: float) -> None:
        self.size, self.reach, self.scale = size, reach, size / (2 * reach)

    def mask(self) -> UInt8Array:
        """Returns an empty mask, ``(size, size)``."""
        return np.zeros((self.size, self.size), np.uint8)

    def polygon(self, mask: UInt8Array, points: Float64Array, value: int = 255) -> None:
        """Fills the polygon of ``points`` ``(N, 2)``, ground metres."""
        x = (points[:, 0] + self.reach) * self.scale - 0.5
        y = (self.reach - points[:, 1]) * self.scale - 0.5
        corners = to_fixed(np.column_stack([x, y]))
        cv2.fillPoly(mask, [corners], value, cv2.LINE_AA, SHIFT)

    def line(self, mask: UInt8Array, points: Float64Array, value: int) -> None:
        """Draws a thin line through ``points`` ``(N, 2)``, ground metres."""
        x = (points[:, 0] + self.reach) * self.scale
        y = (self.reach - points[:, 1]) * self.scale
        path = to_fixed(np.column_stack([x, y]))
        cv2.polylines(mask, [path], False, value, 1, cv2.LINE_AA, SHIFT)

    def box(
        self,
        mask: UInt8Array,
        quarters: int,
        x: tuple[float, float],
        y: tuple[float, float],
        value: int = 255,
    ) -> None:
        """Fills a rectangle turned by ``quarters`` right angles, sides in ground metres."""
        corners = np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])
        self.polygon(mask, turn(corners, quarters), value)
