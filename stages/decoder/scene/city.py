"""Blocks of a city along the roads: what cameras above streets see instead of an empty plain."""

from __future__ import annotations

import math

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring
from stages.decoder.scene.road import RoadPlan, turn

_WALLS: tuple[Colour, ...] = (
    (0.50, 0.56, 0.62),
    (0.34, 0.40, 0.55),
    (0.66, 0.68, 0.70),
    (0.42, 0.44, 0.46),
    (0.55, 0.62, 0.70),
    (0.40, 0.38, 0.36),
    (0.28, 0.32, 0.44),
)
_SHOPS: tuple[Colour, ...] = (
    (0.20, 0.18, 0.55),
    (0.55, 0.32, 0.16),
    (0.25, 0.45, 0.22),
    (0.15, 0.50, 0.75),
    (0.70, 0.70, 0.70),
    (0.12, 0.12, 0.12),
)
_FLOOR = 3.3  # metres

Pose = tuple[float, float, float]


def place_city(
    rng: np.random.Generator, plan: RoadPlan, highest: float
) -> tuple[list[Mesh], list[Pose]]:
    """Blocks on both sides of the roads, with gaps, none above ``highest`` metres."""
    meshes, poses = [], []
    setback, tall = rng.uniform(3, 16), rng.uniform(6, 34)
    for road in plan.roads:
        for side in (-1, 1):
            y = -plan.reach + rng.uniform(0, 15)
            while y < plan.reach - 10:
                length, width = rng.uniform(14, 34), rng.uniform(10, 18)
                x = side * (road.half_width + road.pavement + setback + width / 2)
                place = turn(np.array([x, y + length / 2]), road.direction)
                y += length + (rng.uniform(0.5, 4) if rng.random() < 0.7 else rng.uniform(8, 30))
                other = plan.roads[1 - plan.roads.index(road)] if plan.crossing else None
                at = abs(place[1] if road.direction == 0 else place[0])
                if other is not None and at < other.half_width + other.pavement + 4 + length / 2:
                    continue
                height = min(tall * rng.uniform(0.5, 1.3), highest)
                meshes.append(_block(rng, length, width, height))
                heading = math.pi / 2 - road.direction * math.pi / 2
                poses.append((float(place[0]), float(place[1]), heading))
    return meshes, poses


def _block(rng: np.random.Generator, length: float, width: float, height: float) -> Mesh:
    """Shops below, rows of windows above."""
    wall = np.array(_WALLS[int(rng.integers(len(_WALLS)))]) * rng.uniform(0.75, 1.15)
    colour = (float(wall[0]), float(wall[1]), float(wall[2]))
    grey = float(rng.uniform(0.25, 0.5))
    b = MeshBuilder()
    sides = b.loft(
        ring(-length / 2, length / 2, width / 2, 0.0),
        ring(-length / 2, length / 2, width / 2, height),
        colour,
        top=(grey, grey, grey * 1.05),
        material=Material.MATT,
    )
    floors = max(1, int(height / _FLOOR))
    bands = rng.random() < 0.35 or floors > 6
    base = min(0.8 * _FLOOR / height, 0.6)
    for side, span in ((0, length), (1, width), (2, length), (3, width)):
        shops = max(1, int(span / 7))
        for shop in range(shops):
            tone = _SHOPS[int(rng.integers(len(_SHOPS)))]
            across = ((shop + 0.08) / shops, (shop + 0.92) / shops)
            b.panel(sides[side], across, (0.0, base), _dark(rng))
            b.panel(sides[side], across, (base, base * 1.25), tone, Material.MATT)
        for floor in range(1, floors):
            up = ((floor + 0.25) / floors, (floor + 0.75) / floors)
            columns = 1 if bands else max(2, int(span / 4.5))
            for column in range(columns):
                across = ((column + 0.2) / columns, (column + 0.8) / columns)
                b.panel(sides[side], (0.03, 0.97) if bands else across, up, _dark(rng))
    return b.build()


def _dark(rng: np.random.Generator) -> Colour:
    tone = float(rng.uniform(0.12, 0.28))
    return (tone, tone, tone) if rng.random() < 0.85 else (0.42, 0.52, 0.56)
