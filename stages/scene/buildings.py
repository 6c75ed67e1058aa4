"""Buildings: scattered houses, and city blocks along the roads."""

from __future__ import annotations

import math

import numpy as np

from stages.records import Float64Array
from stages.scene import palette
from stages.scene.camera import CameraPath
from stages.scene.mesh import Material, Mesh, MeshBuilder, Placed
from stages.scene.palette import Color, gray, pick, scaled
from stages.scene.road import RoadPlan

_HOUSE_FLOOR = 3.2  # metres
_BLOCK_FLOOR = 3.3


def place_houses(
    rng: np.random.Generator, plan: RoadPlan, path: CameraPath, varied: bool
) -> list[Placed]:
    """Returns houses away from the roads, from each other and from the camera."""
    houses: list[Placed] = []
    for _ in range(int(rng.integers(0, 30)) if varied else 24):
        length, width = rng.uniform(12, 26), rng.uniform(9, 16)
        x, y = rng.uniform(-0.9, 0.9, 2) * plan.reach
        heading = float(rng.choice([0.0, math.pi / 2]))
        reach = math.hypot(length, width) / 2
        near = path.distance(x, y) < reach + 20
        free = all(math.hypot(x - a, y - b) > 2 * reach for _, (a, b, _) in houses)
        if plan.road_distance(x, y) < 0.8 * reach + 6 or near or not free:
            continue
        if path.is_blocked_at(x, y, reach):
            continue
        house = _make_house(rng, length, width, rng.uniform(4, 13))
        houses.append(Placed(house, (x, y, heading)))
    return houses


def place_city(rng: np.random.Generator, plan: RoadPlan, highest: float) -> list[Placed]:
    """Returns blocks on both sides of the roads, with gaps, none above ``highest`` metres."""
    blocks = []
    setback, tall = rng.uniform(3, 16), rng.uniform(6, 34)
    for road in plan.roads:
        for side in (-1, 1):
            y = -plan.reach + rng.uniform(0, 15)
            while y < plan.reach - 10:
                length, width = rng.uniform(14, 34), rng.uniform(10, 18)
                x = side * (road.half_width + road.pavement + setback + width / 2)
                pose = road.pose(x, y + length / 2)
                y += length + (rng.uniform(0.5, 4) if rng.random() < 0.7 else rng.uniform(8, 30))
                along = abs(pose[1] if road.direction == 0 else pose[0])
                if plan.crossing:
                    other = plan.other(road)
                    if along < other.half_width + other.pavement + 4 + length / 2:
                        continue
                height = min(tall * rng.uniform(0.5, 1.3), highest)
                blocks.append(Placed(_make_block(rng, length, width, height), pose))
    return blocks


def _make_house(rng: np.random.Generator, length: float, width: float, height: float) -> Mesh:
    """Returns a house with rows of windows."""
    wall = scaled(pick(rng, palette.WALLS[:4]), rng.uniform(0.8, 1.1))
    b = MeshBuilder()
    sides = _add_walls(b, rng, (length, width, height), wall)
    floors = max(1, int(height / _HOUSE_FLOOR))
    for side, span in zip(sides, (length, width, length, width), strict=True):
        columns = max(2, int(span / 4.0))
        for floor in range(floors):
            up = ((floor + 0.25) / floors, (floor + 0.75) / floors)
            for column in range(columns):
                across = ((column + 0.25) / columns, (column + 0.75) / columns)
                pane = (0.25, 0.24, 0.22) if rng.random() < 0.8 else (0.45, 0.55, 0.58)
                b.panel(side, across, up, pane)
    return b.build()


def _make_block(rng: np.random.Generator, length: float, width: float, height: float) -> Mesh:
    """Returns a block with shops below, and rows or bands of windows above."""
    wall = scaled(pick(rng, palette.WALLS), rng.uniform(0.75, 1.15))
    b = MeshBuilder()
    sides = _add_walls(b, rng, (length, width, height), wall)
    floors = max(1, int(height / _BLOCK_FLOOR))
    bands = rng.random() < 0.35 or floors > 6
    base = min(0.8 * _BLOCK_FLOOR / height, 0.6)
    for side, span in zip(sides, (length, width, length, width), strict=True):
        shops = max(1, int(span / 7))
        for shop in range(shops):
            sign = pick(rng, palette.SHOP_SIGNS)
            across = ((shop + 0.08) / shops, (shop + 0.92) / shops)
            b.panel(side, across, (0.0, base), _pane(rng))
            b.panel(side, across, (base, base * 1.25), sign, Material.MATT)
        for floor in range(1, floors):
            up = ((floor + 0.25) / floors, (floor + 0.75) / floors)
            columns = 1 if bands else max(2, int(span / 4.5))
            for column in range(columns):
                across = ((column + 0.2) / columns, (column + 0.8) / columns)
                b.panel(side, (0.03, 0.97) if bands else across, up, _pane(rng))
    return b.build()


def _add_walls(
    b: MeshBuilder, rng: np.random.Generator, size: tuple[float, float, float], wall: Color
) -> list[Float64Array]:
    """Adds walls and a flat roof; returns the walls."""
    length, width, height = size
    tone = rng.uniform(0.25, 0.5)
    roof = (tone, tone, tone * 1.05)
    return b.box((-length / 2, length / 2), width / 2, (0.0, height), wall, top=roof)


def _pane(rng: np.random.Generator) -> Color:
    """Returns the colour of a window pane: mostly dark, sometimes reflecting the sky."""
    tone = rng.uniform(0.12, 0.28)
    return gray(tone) if rng.random() < 0.85 else (0.42, 0.52, 0.56)
