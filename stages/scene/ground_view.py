"""The ground as a camera sees it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from stages.records import UInt8Array
from stages.scene.camera import Camera
from stages.scene.ground import Ground

_BANDS = 8


def view_ground(ground: Ground, camera: Camera, size: tuple[int, int]) -> UInt8Array:
    """Returns the ground as ``(H, W, 3)`` uint8 BGR, each band of rows from a level as fine as it.

    Args:
        ground: The lit ground.
        camera: The camera.
        size: Frame width and height in pixels.
    """
    width, height = size
    to_image = camera.ground_homography()
    image = np.zeros((height, width, 3), np.uint8)
    edges = np.linspace(0, height, _BANDS + 1).astype(int).tolist()
    for top, bottom in pairwise(edges):
        if not _sees_ground(camera, bottom - 1):
            continue
        level = _level(ground, camera, (top + bottom) / 2)
        shift = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1.0]])
        matrix = shift @ to_image @ ground.to_world(level)
        cv2.warpPerspective(
            ground.levels[level],
            np.linalg.inv(matrix),
            (width, bottom - top),
            dst=image[top:bottom],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    return image


def _sees_ground(camera: Camera, row: int) -> bool:
    """Returns whether either end of a row lies below the horizon."""
    y = (row - camera.center[1]) / camera.focal
    x = camera.center[0] / camera.focal
    return bool(max(camera.fall(-x, y), camera.fall(x, y)) > 0)


def _level(ground: Ground, camera: Camera, row: float) -> int:
    """Returns the level of the ground that is as fine as a row of the image."""
    down = (row - camera.center[1]) / camera.focal
    fall = camera.fall(0, down)
    if fall < 0.01:
        return len(ground.levels) - 1
    across = camera.position[2] / fall / camera.focal
    slant = np.hypot(1, down) / fall
    sample = across * np.sqrt(min(slant, 12.0))
    level = np.log2(max(sample / ground.metres_per_pixel, 1.0))
    return int(min(round(level), len(ground.levels) - 1))
