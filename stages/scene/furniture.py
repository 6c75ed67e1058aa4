"""Roadside objects: lamps, fences, and objects that look like vehicles from afar."""

from __future__ import annotations

import numpy as np

from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, Placed, ring
from stages.scene.palette import Color, gray, pick, scaled
from stages.scene.road import RoadPlan

_SEGMENT = 9.0  # metres of fence in one piece


def place_furniture(rng: np.random.Generator, plan: RoadPlan, count: int) -> list[Placed]:
    """Returns boxes, kiosks, signs, bushes and shelters on the pavements and just behind them."""
    pieces = []
    for _ in range(count):
        road = pick(rng, plan.roads)
        start = plan.zebra_start(road) + 4.0 if plan.crossing else -plan.reach
        y = rng.uniform(start, plan.reach) * (1 if rng.random() < 0.5 else -1)
        x = road.half_width + rng.uniform(0.8, road.pavement + 4.0)
        x *= 1 if rng.random() < 0.5 else -1
        place_x, place_y, heading = road.pose(x, y)
        if plan.road_distance(place_x, place_y) < 0.6:
            continue
        heading += rng.normal(0, 0.05)
        pieces.append(Placed(_make_piece(rng), (place_x, place_y, heading)))
    return pieces


def place_fences(rng: np.random.Generator, plan: RoadPlan) -> list[Placed]:
    """Returns fences of some roads, between the two directions or beside the carriageway."""
    fences = []
    for road in plan.roads:
        if rng.random() < 0.5:
            continue
        fence = _make_fence(gray(rng.uniform(0.45, 0.9)))
        sides = (0.0,) if rng.random() < 0.6 else (-road.half_width - 0.3, road.half_width + 0.3)
        start = plan.stop_distance(road) + 1.0 if plan.crossing else -plan.reach
        for x in sides:
            for y in np.arange(start + _SEGMENT / 2, plan.reach, _SEGMENT):
                for end in (1, -1) if plan.crossing else (1,):
                    fences.append(Placed(fence, road.pose(x, y * end)))
    return fences


def make_lamp_post() -> Mesh:
    """Returns a lamp on a pole with an arm towards +x."""
    b = MeshBuilder()
    foot, tip = ring(-0.08, 0.08, 0.08, 0.0), ring(-0.05, 0.05, 0.05, 7.8)
    b.loft(foot, tip, palette.LAMP_POST, material=Material.MATT)
    b.box((0.0, 2.4), 0.05, (7.7, 7.85), palette.LAMP_POST)
    b.box((1.8, 2.6), 0.14, (7.6, 7.75), gray(0.7))
    return b.build()


def _make_piece(rng: np.random.Generator) -> Mesh:
    b = MeshBuilder()
    kind = str(
        rng.choice(["box", "kiosk", "sign", "bush", "shelter"], p=[0.3, 0.15, 0.2, 0.2, 0.15])
    )
    color = pick(rng, palette.FURNITURE)
    if kind == "box":
        size, height = rng.uniform(0.25, 0.7), rng.uniform(0.8, 1.6)
        b.box((-size, size), 0.3, (0.0, height), color)
    elif kind == "kiosk":
        size, height = rng.uniform(1.0, 2.2), rng.uniform(2.2, 2.8)
        for side in b.box((-size, size), 0.9, (0.0, height), color):
            b.panel(side, (0.1, 0.9), (0.4, 0.8), pick(rng, palette.FURNITURE[:3]), Material.MATT)
    elif kind == "sign":
        low = rng.uniform(0.5, 2.2)
        for x in (-0.6, 0.6):
            b.box((x - 0.05, x + 0.05), 0.05, (0.0, low), gray(0.4))
        b.box((-0.8, 0.8), 0.07, (low, low + rng.uniform(0.6, 1.6)), color)
    elif kind == "bush":
        size, height = rng.uniform(0.4, 2.5), rng.uniform(0.5, 1.3)
        rings = [
            ring(-size, size, 0.45, 0.0, (0.2, 0.2)),
            ring(-size, size, 0.55, 0.7 * height, (0.2, 0.2)),
            ring(-size + 0.2, size - 0.2, 0.35, height, (0.2, 0.2)),
        ]
        b.stack(rings, scaled((0.12, 0.26, 0.18), rng.uniform(0.6, 1.3)), Material.MATT)
    else:
        size = rng.uniform(1.5, 3.5)
        for x in (-size + 0.1, size - 0.1):
            b.box((x - 0.06, x + 0.06), 0.06, (0.0, 2.3), gray(0.4))
        b.box((-size, size), 0.8, (2.3, 2.42), color)
    return b.build()


def _make_fence(color: Color) -> Mesh:
    """Returns one segment of a fence: posts and two rails."""
    b = MeshBuilder()
    half = _SEGMENT / 2
    for x in np.arange(-half, half - 0.1, 1.5):
        b.box((x, x + 0.08), 0.04, (0.0, 1.0), color)
    for z in (0.35, 0.9):
        b.box((-half, half), 0.03, (z, z + 0.08), color)
    return b.build()
