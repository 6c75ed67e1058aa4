"""Where a camera on a mast, a bridge or a roof stands, and what it looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.scene.road import RoadPlan

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A position for a camera; ground points and heights are in metres.

    Attributes:
        stand: Ground point below the camera.
        target: Ground point it looks at.
        heights: Minimum and maximum height above the ground.
        fields: Minimum and maximum horizontal field of view, degrees.
    """

    stand: Point
    target: Point
    heights: tuple[float, float]
    fields: tuple[float, float]


def mast_viewpoint(rng: np.random.Generator, plan: RoadPlan, varied: bool) -> Viewpoint:
    """Returns a viewpoint; varied ones are at corners, above lanes or close beside them."""
    kind = rng.choice(["corner", "above", "beside"], p=[0.35, 0.3, 0.35]) if varied else "corner"
    if kind == "beside":
        return _beside(rng, plan)
    if kind == "above" or not plan.crossing:
        return _above(rng, plan)
    return _corner(rng, plan, varied)


def _corner(rng: np.random.Generator, plan: RoadPlan, varied: bool) -> Viewpoint:
    """Returns a view across the crossing from one of its corners."""
    road, other = plan.roads
    x, y = road.half_width + road.pavement + 3.0, other.half_width + other.pavement + 3.0
    if not varied:
        return Viewpoint((x, -y), (-12.0, 11.0), (8.5, 10.0), (64.0, 72.0))
    x, y = x * rng.uniform(-1.0, 1.3), y + rng.uniform(0, 25)
    # Aims beyond the crossing, where vehicles wait, more often than at its empty centre.
    aim = np.array([-0.3 * x, rng.uniform(-5, 28)]) + rng.normal(0, 5, 2)
    return Viewpoint((x, -y), (float(aim[0]), float(aim[1])), (5.0, 14.0), (38.0, 85.0))


def _above(rng: np.random.Generator, plan: RoadPlan) -> Viewpoint:
    """Returns a view along the road from a footbridge."""
    road = plan.roads[0]
    x = rng.uniform(-1.2, 1.2) * (road.half_width + 2)
    y = rng.uniform(-0.7, -0.1) * plan.reach
    if plan.crossing and rng.random() < 0.75:  # just before the crossing
        y = -plan.stop_distance(road) - rng.uniform(-4, 16)
    target = (rng.uniform(-0.4, 0.4) * road.half_width, y + rng.uniform(16, 45))
    return Viewpoint((x, y), target, (5.5, 10.0), (45.0, 80.0))


def _beside(rng: np.random.Generator, plan: RoadPlan) -> Viewpoint:
    """Returns a low view across a road from close beside it: vehicles are seen from the side."""
    road = plan.roads[0]
    x = road.half_width + rng.uniform(2.5, 12.0)
    y = rng.uniform(-0.6, 0.3) * plan.reach
    if plan.crossing:
        y = -plan.zebra_start(road) + rng.uniform(-22, 8)
    angle, far = math.radians(rng.uniform(-50, 50)), rng.uniform(14, 34)
    target = (x - far * math.cos(angle), y + far * math.sin(angle))
    return Viewpoint((x, y), target, (4.8, 8.0), (55.0, 88.0))
