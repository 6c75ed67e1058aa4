"""Halos of vehicle lamps in the lens."""

from __future__ import annotations

import cv2
import numpy as np

from stages.records import Int16Array, UInt8Array
from stages.scene.drawing import SHIFT
from stages.scene.geometry import Geometry, Projection
from stages.scene.light import Light
from stages.scene.mesh import Material

_SHRINK = 4  # glow is soft: a quarter of the frame's size suffices
_HEAD = (230.0, 245.0, 255.0)
_TAIL = (20.0, 20.0, 190.0)


def add_glow(
    image: UInt8Array, covers: Int16Array, geometry: Geometry, projection: Projection, light: Light
) -> UInt8Array:
    """Adds halos around the lamps that face the camera and that nothing hides.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        covers: ``(H, W)`` int16, 1 + index of the object each pixel shows.
        geometry: The objects.
        projection: The objects as the camera sees them.
        light: The light; the darker, the stronger the halos.
    """
    height, width = image.shape[:2]
    is_head = geometry.materials == Material.HEAD_LAMP
    lamps = np.flatnonzero(
        (is_head | (geometry.materials == Material.TAIL_LAMP))
        & (projection.facing > 0.05)
        & projection.seen[geometry.face_owner]
    )
    halos = np.zeros((height // _SHRINK, width // _SHRINK, 3), np.uint8)
    dark = float(np.clip(1.0 - 1.6 * light.sky.mean(), 0.1, 1.0))
    scale = (1 << SHIFT) / _SHRINK
    for face in lamps:
        points = projection.points[geometry.starts[face] : geometry.starts[face + 1]]
        x, y = (float(value) for value in points.mean(axis=0))
        owner = int(geometry.face_owner[face])
        if not (0 <= round(x) < width and 0 <= round(y) < height):
            continue
        if covers[round(y), round(x)] != owner + 1:
            continue
        head = bool(is_head[face])
        strength = dark * float(projection.facing[face]) ** (1.5 if head else 0.7)
        reach = (65.0 if head else 39.0) / float(projection.depths[owner])
        radius = min(max(reach * strength, 0.6), 14.0)
        cv2.circle(
            halos,
            (int(x * scale), int(y * scale)),
            int(radius * (1 << SHIFT)),
            [value * strength for value in (_HEAD if head else _TAIL)],
            -1,
            cv2.LINE_AA,
            SHIFT,
        )
    near, far = cv2.GaussianBlur(halos, (0, 0), 1.2), cv2.GaussianBlur(halos, (0, 0), 5.0)
    soft = cv2.resize(cv2.addWeighted(near, 0.7, far, 0.6, 0), (width, height))
    return np.asarray(cv2.add(image, soft), np.uint8)
