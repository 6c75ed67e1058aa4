"""Trees: images of crowns, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import Float32Array, Float64Array
from stages.scene import palette
from stages.scene.camera import CameraPath
from stages.scene.light import Light
from stages.scene.palette import pick, saturate
from stages.scene.road import RoadPlan

_SPRITE = 96  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A tree, its crown painted as a billboard that always faces the camera.

    Attributes:
        position: ``(3,)`` centre of the crown, metres.
        radius: Metres.
        sprite: ``(96, 96, 4)`` float32 colour and opacity, 0..1.
    """

    position: Float64Array
    radius: float
    sprite: Float32Array


def place_trees(
    rng: np.random.Generator, plan: RoadPlan, path: CameraPath, light: Light, varied: bool
) -> list[Tree]:
    """Returns trees beside the roads, with lit crowns."""
    level = light.shade(np.array([[0.0, 0.0, 1.0]]), np.array([0.35]))[0]
    crowns = []
    for _ in range(5):
        crown = _make_crown(rng)
        crown[..., :3] = saturate(crown[..., :3] * level, light.saturation)
        crowns.append(crown)
    trees: list[Tree] = []
    wanted = int(rng.integers(0, 90)) if varied else 60
    pavement = max(road.pavement for road in plan.roads)
    for _ in range(wanted * 3):
        if len(trees) >= wanted:
            break
        x, y = rng.uniform(-0.95, 0.95, 2) * plan.reach
        radius = rng.uniform(1.6, 4.2)
        # Crowns reach over the pavement now and then, seldom over the carriageway.
        if plan.road_distance(x, y) < pavement + radius * (0.3 if varied else 0.8):
            continue
        if path.is_blocked_at(x, y, radius):
            continue
        tall = 1.0 + radius * rng.uniform(0.85, 1.15)
        trees.append(Tree(np.array([x, y, tall]), radius, pick(rng, crowns)))
    return trees


def _make_crown(rng: np.random.Generator) -> Float32Array:
    """Returns a tree's crown ``(96, 96, 4)`` float32, lit from above."""
    size = _SPRITE
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    noise = np.zeros((size, size), np.float32)
    for cells, weight in ((7, 0.5), (14, 0.4), (32, 0.35)):
        coarse = rng.standard_normal((cells, cells), dtype=np.float32)
        noise += weight * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    radius = np.sqrt(x * x + y * y) + 0.13 * noise
    alpha = np.clip((0.80 - radius) * 14, 0, 1)
    green = np.array(pick(rng, palette.LEAVES)) * rng.uniform(0.75, 1.25)
    bright = np.clip(0.85 - 0.35 * y - 0.25 * x + 0.38 * noise, 0.25, 1.7)
    return np.dstack([bright[..., None] * green, alpha]).astype(np.float32)
