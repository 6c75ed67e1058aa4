"""The ground as a camera sees it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from stages.decoder.scene.camera import Camera
from stages.decoder.scene.ground import Ground
from stages.records import UInt8Array

_BANDS = 8


class GroundView:
    """Renders the ground for a camera.

    Args:
        ground: The lit ground.
        size: Frame width and height in pixels.
    """

    def __init__(self, ground: Ground, size: tuple[int, int]) -> None:
        self._ground, self._size = ground, size

    def picture(self, camera: Camera) -> UInt8Array:
        """The ground as ``(H, W, 3)`` uint8 BGR, each band of rows from the level as fine as it."""
        width, height = self._size
        to_image = camera.ground_homography()
        image = np.empty((height, width, 3), np.uint8)
        edges = np.linspace(0, height, _BANDS + 1).astype(int)
        for top, bottom in pairwise(edges):
            if not self._sees_ground(camera, int(bottom) - 1):
                image[top:bottom] = 0
                continue
            level = self._level(camera, (int(top) + int(bottom)) / 2)
            shift = np.array([[1, 0, 0], [0, 1, -float(top)], [0, 0, 1]])
            matrix = shift @ to_image @ self._ground.to_world(level)
            cv2.warpPerspective(
                self._ground.levels[level],
                np.linalg.inv(matrix),
                (width, int(bottom - top)),
                dst=image[top:bottom],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
        return image

    def _sees_ground(self, camera: Camera, row: int) -> bool:
        """Whether either end of a row lies below the horizon."""
        y = (row - camera.center[1]) / camera.focal
        x = camera.center[0] / camera.focal
        return bool(max(camera.fall(-x, y), camera.fall(x, y)) > 0)

    def _level(self, camera: Camera, row: float) -> int:
        down = (row - camera.center[1]) / camera.focal
        fall = camera.fall(0, down)
        if fall < 0.01:
            return len(self._ground.levels) - 1
        across = camera.position[2] / fall / camera.focal
        slant = np.hypot(1, down) / fall
        sample = across * np.sqrt(min(slant, 12.0))
        level = np.log2(max(sample / self._ground.metres_per_pixel, 1.0))
        return int(min(round(level), len(self._ground.levels) - 1))
