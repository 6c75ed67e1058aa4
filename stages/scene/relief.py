"""Light and shadow on the ground that move with the objects: shadows and headlight beams."""

from __future__ import annotations

import cv2
import numpy as np

from stages.records import Float64Array, UInt8Array
from stages.scene.camera import Camera
from stages.scene.drawing import SHIFT, to_fixed
from stages.scene.geometry import NEAR
from stages.scene.light import Light

_LIT = 128  # value where no object changes the ground's brightness
_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


class Relief:
    """An image of factors on the ground's brightness, at half the frame's size.

    Args:
        camera: The camera.
        light: The light.
        size: Frame width and height in pixels.
    """

    def __init__(self, camera: Camera, light: Light, size: tuple[int, int]) -> None:
        self._camera, self._light, self._size = camera, light, size
        self._layer = np.full((size[1] // 2, size[0] // 2), _LIT, np.uint8)

    def beams(self, poses: Float64Array, half_sizes: Float64Array) -> None:
        """Lights the ground in front of vehicles at ``poses`` ``(N, 3)``."""
        forward, left = _axes(poses)
        for far, wide, value in ((13.0, 2.3, 150), (10.0, 1.8, 178), (6.5, 1.3, 205)):
            x = half_sizes[:, :1] + np.array([0.3, 0.96 * far, far, 0.96 * far, 0.3])
            y = np.array([-0.8, -wide, 0.0, wide, 0.8])
            shape = x[..., None] * forward[:, None] + y[None, :, None] * left[:, None]
            self._fill(poses[:, None, :2] + shape, value)

    def shadows(self, poses: Float64Array, half_sizes: Float64Array, heights: Float64Array) -> None:
        """Darkens the ground beside and below objects at ``poses`` ``(N, 3)``."""
        light = self._light
        forward, left = _axes(poses)
        corners = (
            _CORNERS[None, :, :1] * half_sizes[:, None, :1] * forward[:, None]
            + _CORNERS[None, :, 1:] * half_sizes[:, None, 1:] * left[:, None]
        )
        center = poses[:, None, :2]
        if light.shadow > 0:
            # A vehicle is as wide as its footprint at its waist, and narrower at its roof.
            reach = self._slope() * heights[:, None, None]
            shape = [corners, corners + 0.6 * reach, 0.78 * corners + reach]
            self._fill(center + np.concatenate(shape, axis=1), self._shaded())
        below = 0.42 if light.shadow or not light.lamps else 0.5
        self._fill(center + 1.05 * corners, int(_LIT * below))

    def crowns(self, centers: Float64Array, radii: Float64Array) -> None:
        """Darkens the ground in the shadow of trees; ``centers`` ``(T, 3)`` are crown centres."""
        if not self._light.shadow:
            return
        angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        circle = 0.75 * np.column_stack([np.cos(angle), np.sin(angle)])
        shadows = centers[:, :2] + self._slope() * centers[:, 2:]
        self._fill(shadows[:, None] + circle * radii[:, None, None], self._shaded())

    def apply(self, image: UInt8Array) -> UInt8Array:
        """Returns the ground's image ``(H, W, 3)`` uint8 BGR with light and shadow."""
        soft = cv2.GaussianBlur(self._layer, (0, 0), 1.1)
        wide = cv2.cvtColor(cv2.resize(soft, self._size), cv2.COLOR_GRAY2BGR)
        return np.asarray(cv2.multiply(image, wide, scale=1 / _LIT), np.uint8)

    def _slope(self) -> Float64Array:
        """Returns a shadow's offset per metre of height; a low sun's shadows are kept short."""
        sun = self._light.sun
        return np.asarray(-sun[:2] / max(sun[2], 0.3))

    def _shaded(self) -> int:
        return int(_LIT * (1 - self._light.shadow))

    def _fill(self, shapes: Float64Array, value: int) -> None:
        """Fills the hulls of ground shapes ``(N, P, 2)``."""
        count, corners = shapes.shape[:2]
        if not count:
            return
        flat = np.concatenate([shapes.reshape(-1, 2), np.zeros((count * corners, 1))], axis=1)
        view = self._camera.to_camera(flat)
        points = np.clip(self._camera.to_image(view) / 2 - 0.25, -8000, 8000).astype(np.float32)
        seen = (view[:, 2] > NEAR).reshape(count, corners).all(axis=1)
        points = points.reshape(count, corners, 2)
        low, high = points.min(axis=1), points.max(axis=1)
        rows, columns = self._layer.shape
        seen &= (high >= 0).all(axis=1) & (low < [columns, rows]).all(axis=1)
        for shape in points[seen]:
            hull = to_fixed(cv2.convexHull(shape))
            cv2.fillConvexPoly(self._layer, hull, value, cv2.LINE_AA, SHIFT)


def _axes(poses: Float64Array) -> tuple[Float64Array, Float64Array]:
    cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    return np.column_stack([cos, sin]), np.column_stack([-sin, cos])
