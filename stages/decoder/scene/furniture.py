"""What stands beside roads and looks a little like a vehicle from afar: kiosks, signs, fences."""

from __future__ import annotations

import math

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring
from stages.decoder.scene.road import RoadPlan, turn

_COLOURS: tuple[Colour, ...] = (
    (0.82, 0.83, 0.83),
    (0.50, 0.50, 0.49),
    (0.20, 0.20, 0.20),
    (0.15, 0.13, 0.60),
    (0.55, 0.30, 0.14),
    (0.25, 0.45, 0.20),
    (0.12, 0.50, 0.80),
    (0.35, 0.42, 0.50),
)
_SEGMENT = 9.0  # metres of fence in one piece

Pose = tuple[float, float, float]


def place_furniture(
    rng: np.random.Generator, plan: RoadPlan, count: int
) -> tuple[list[Mesh], list[Pose]]:
    """Boxes, shelters, signs and bushes on the pavements and just behind them."""
    meshes, poses = [], []
    for _ in range(count):
        index = int(rng.integers(len(plan.roads)))
        road = plan.roads[index]
        start = plan.zebra_start(road) + 4.0 if plan.crossing else -plan.reach
        y = rng.uniform(start, plan.reach) * (1 if rng.random() < 0.5 else -1)
        x = road.half_width + rng.uniform(0.8, road.pavement + 4.0)
        x *= 1 if rng.random() < 0.5 else -1
        place = turn(np.array([x, y]), road.direction)
        if plan.road_distance(float(place[0]), float(place[1])) < 0.6:
            continue
        heading = math.pi / 2 - road.direction * math.pi / 2 + rng.normal(0, 0.05)
        meshes.append(_piece(rng))
        poses.append((float(place[0]), float(place[1]), heading))
    return meshes, poses


def place_fences(rng: np.random.Generator, plan: RoadPlan) -> tuple[list[Mesh], list[Pose]]:
    """A fence between the two directions, or beside the carriageway, of some roads."""
    meshes, poses = [], []
    for road in plan.roads:
        if rng.random() < 0.5:
            continue
        tone = float(rng.uniform(0.45, 0.9))
        fence = _fence((tone, tone, tone))
        sides = (0.0,) if rng.random() < 0.6 else (-road.half_width - 0.3, road.half_width + 0.3)
        start = plan.stop_distance(road) + 1.0 if plan.crossing else -plan.reach
        for x in sides:
            for y in np.arange(start + _SEGMENT / 2, plan.reach, _SEGMENT):
                for end in (1, -1) if plan.crossing else (1,):
                    place = turn(np.array([x, y * end]), road.direction)
                    heading = math.pi / 2 - road.direction * math.pi / 2
                    meshes.append(fence)
                    poses.append((float(place[0]), float(place[1]), heading))
    return meshes, poses


def _piece(rng: np.random.Generator) -> Mesh:
    b = MeshBuilder()
    kind = str(
        rng.choice(["box", "kiosk", "sign", "bush", "shelter"], p=[0.3, 0.15, 0.2, 0.2, 0.15])
    )
    colour = _COLOURS[int(rng.integers(len(_COLOURS)))]
    if kind == "box":
        size, height = rng.uniform(0.25, 0.7), rng.uniform(0.8, 1.6)
        _block(b, (-size, size), 0.3, (0.0, height), colour)
    elif kind == "kiosk":
        size, height = rng.uniform(1.0, 2.2), rng.uniform(2.2, 2.8)
        sides = _block(b, (-size, size), 0.9, (0.0, height), colour)
        for side in sides:
            b.panel(side, (0.1, 0.9), (0.4, 0.8), _COLOURS[int(rng.integers(3))], Material.MATT)
    elif kind == "sign":
        low = rng.uniform(0.5, 2.2)
        for x in (-0.6, 0.6):
            _block(b, (x - 0.05, x + 0.05), 0.05, (0.0, low), (0.4, 0.4, 0.4))
        _block(b, (-0.8, 0.8), 0.07, (low, low + rng.uniform(0.6, 1.6)), colour)
    elif kind == "bush":
        size, height = rng.uniform(0.4, 2.5), rng.uniform(0.5, 1.3)
        green = np.array([0.12, 0.26, 0.18]) * rng.uniform(0.6, 1.3)
        leaf = (float(green[0]), float(green[1]), float(green[2]))
        b.loft(
            ring(-size, size, 0.45, 0.0, (0.2, 0.2)),
            ring(-size, size, 0.55, 0.7 * height, (0.2, 0.2)),
            leaf,
            material=Material.MATT,
        )
        b.loft(
            ring(-size, size, 0.55, 0.7 * height, (0.2, 0.2)),
            ring(-size + 0.2, size - 0.2, 0.35, height, (0.2, 0.2)),
            leaf,
            material=Material.MATT,
        )
    else:
        size = rng.uniform(1.5, 3.5)
        for x in (-size + 0.1, size - 0.1):
            _block(b, (x - 0.06, x + 0.06), 0.06, (0.0, 2.3), (0.4, 0.4, 0.4))
        _block(b, (-size, size), 0.8, (2.3, 2.42), colour)
    return b.build()


def _fence(colour: Colour) -> Mesh:
    b = MeshBuilder()
    half = _SEGMENT / 2
    for x in np.arange(-half, half - 0.1, 1.5):
        _block(b, (x, x + 0.08), 0.04, (0.0, 1.0), colour)
    for z in (0.35, 0.9):
        _block(b, (-half, half), 0.03, (z, z + 0.08), colour)
    return b.build()


def _block(
    b: MeshBuilder,
    x: tuple[float, float],
    half: float,
    z: tuple[float, float],
    colour: Colour,
) -> list[np.ndarray]:
    return b.loft(
        ring(x[0], x[1], half, z[0]), ring(x[0], x[1], half, z[1]), colour, material=Material.MATT
    )
