"""What stands and walks beside the road: trees, houses, lamps, pedestrians, two-wheelers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring
from stages.records import Float64Array

_METAL: Colour = (0.45, 0.45, 0.44)
_CLOTHES: tuple[Colour, ...] = (
    (0.12, 0.12, 0.12),
    (0.55, 0.25, 0.15),
    (0.15, 0.15, 0.65),
    (0.75, 0.75, 0.75),
    (0.15, 0.55, 0.80),
    (0.30, 0.40, 0.25),
)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A crown, painted as a picture that always faces the camera.

    Attributes:
        position: ``(3,)`` middle of the crown, metres.
        radius: Metres.
        sprite: ``(96, 96, 4)`` float32 colour and opacity, 0..1.
    """

    position: Float64Array
    radius: float
    sprite: npt.NDArray[np.float32]


def make_crown(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A tree's crown ``(96, 96, 4)`` float32, lit from above."""
    size = 96
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    noise = np.zeros((size, size), np.float32)
    for cells, weight in ((7, 0.5), (14, 0.4), (32, 0.35)):
        coarse = rng.standard_normal((cells, cells), dtype=np.float32)
        noise += weight * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    radius = np.sqrt(x * x + y * y) + 0.13 * noise
    alpha = np.clip((0.80 - radius) * 14, 0, 1)
    green = np.array(
        [(0.10, 0.27, 0.16), (0.12, 0.33, 0.22), (0.12, 0.30, 0.34), (0.16, 0.25, 0.22)]
    )[int(rng.integers(4))] * rng.uniform(0.75, 1.25)
    bright = np.clip(0.85 - 0.35 * y - 0.25 * x + 0.38 * noise, 0.25, 1.7)
    return np.dstack([bright[..., None] * green, alpha]).astype(np.float32)


def make_lamp_post() -> Mesh:
    """A lamp on a pole with an arm towards +x."""
    b = MeshBuilder()
    b.loft(
        ring(-0.08, 0.08, 0.08, 0.0), ring(-0.05, 0.05, 0.05, 7.8), _METAL, material=Material.MATT
    )
    b.loft(ring(0.0, 2.4, 0.05, 7.7), ring(0.0, 2.4, 0.05, 7.85), _METAL, material=Material.MATT)
    b.loft(
        ring(1.8, 2.6, 0.14, 7.6),
        ring(1.8, 2.6, 0.14, 7.75),
        (0.7, 0.7, 0.7),
        material=Material.MATT,
    )
    return b.build()


def make_house(rng: np.random.Generator, length: float, width: float, height: float) -> Mesh:
    """A block with rows of windows."""
    wall = np.array(
        [(0.50, 0.56, 0.62), (0.34, 0.40, 0.55), (0.66, 0.68, 0.70), (0.42, 0.44, 0.46)]
    )[int(rng.integers(4))] * rng.uniform(0.8, 1.1)
    colour = (float(wall[0]), float(wall[1]), float(wall[2]))
    grey = float(rng.uniform(0.25, 0.5))
    b = MeshBuilder()
    half = width / 2
    sides = b.loft(
        ring(-length / 2, length / 2, half, 0.0),
        ring(-length / 2, length / 2, half, height),
        colour,
        top=(grey, grey, grey * 1.05),
        material=Material.MATT,
    )
    floors = max(1, int(height / 3.2))
    for side, span in ((0, length), (1, width), (2, length), (3, width)):
        columns = max(2, int(span / 4.0))
        for floor in range(floors):
            for column in range(columns):
                lit = (0.25, 0.24, 0.22) if rng.random() < 0.8 else (0.45, 0.55, 0.58)
                b.panel(
                    sides[side],
                    ((column + 0.25) / columns, (column + 0.75) / columns),
                    ((floor + 0.25) / floors, (floor + 0.75) / floors),
                    lit,
                )
    return b.build()


def make_pedestrian(rng: np.random.Generator) -> Mesh:
    """A person, 1.5 to 1.9 m."""
    height = rng.uniform(1.5, 1.9)
    b = MeshBuilder()
    trousers = _CLOTHES[int(rng.integers(2))]
    _body(b, rng, 0.0, 0.0, height, trousers)
    return b.build()


def make_two_wheeler(rng: np.random.Generator) -> Mesh:
    """A bicycle, scooter or motorcycle with its rider."""
    b = MeshBuilder()
    long, heavy = rng.uniform(1.7, 2.1), rng.random() < 0.6
    half = 0.16 if heavy else 0.04
    b.wheels((-long / 2 + 0.3, long / 2 - 0.3), 0.05, 0.3)
    colour = _CLOTHES[int(rng.integers(len(_CLOTHES)))]
    b.loft(
        ring(-long / 2 + 0.3, long / 2 - 0.35, half, 0.35),
        ring(-long / 2 + 0.3, long / 2 - 0.45, half, 0.8),
        colour,
    )
    b.loft(
        ring(long / 2 - 0.6, long / 2 - 0.52, 0.3, 0.95),
        ring(long / 2 - 0.6, long / 2 - 0.52, 0.3, 1.05),
        (0.1, 0.1, 0.1),
        material=Material.MATT,
    )
    _body(b, rng, -0.1, 0.65, 1.6, (0.14, 0.13, 0.13))
    return b.build()


def _body(
    b: MeshBuilder, rng: np.random.Generator, x: float, foot: float, top: float, legs: Colour
) -> None:
    shirt = _CLOTHES[int(rng.integers(len(_CLOTHES)))]
    hip, neck = foot + 0.45 * (top - foot), top - 0.26
    b.loft(
        ring(x - 0.10, x + 0.10, 0.13, foot, (0.05, 0.05)),
        ring(x - 0.11, x + 0.11, 0.16, hip, (0.05, 0.05)),
        legs,
        material=Material.MATT,
    )
    b.loft(
        ring(x - 0.11, x + 0.11, 0.18, hip, (0.05, 0.06)),
        ring(x - 0.12, x + 0.12, 0.22, neck, (0.06, 0.08)),
        shirt,
        material=Material.MATT,
    )
    head: Colour = (0.08, 0.08, 0.10) if rng.random() < 0.7 else (0.7, 0.7, 0.72)
    b.loft(
        ring(x - 0.10, x + 0.10, 0.09, neck, (0.04, 0.04)),
        ring(x - 0.08, x + 0.08, 0.07, top, (0.04, 0.04)),
        head,
        material=Material.MATT,
    )
