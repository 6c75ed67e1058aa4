"""City buses: short, long and articulated, in two or three colours."""

from __future__ import annotations

import numpy as np

from stages.records import Float64Array
from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, ring
from stages.scene.palette import Color, gray, pick, scaled, vary

_HALF_WIDTH = 1.26
_CAST = 0.015  # standard deviation of the colours, see `vary`


def make_city_bus(rng: np.random.Generator) -> Mesh:
    """Returns a bus of 7 to 18.5 m; one in four is articulated, with both parts in line."""
    kind = str(rng.choice(["short", "long", "articulated"], p=[0.2, 0.55, 0.25]))
    low, high = {"short": (7.0, 9.0), "long": (10.5, 13.0), "articulated": (16.5, 18.5)}[kind]
    length, height = rng.uniform(low, high), rng.uniform(2.85, 3.3)
    rear, front = -length / 2, length / 2
    lower, upper = (vary(rng, color, cast=_CAST) for color in pick(rng, palette.CITY_BUS_LIVERIES))
    b = MeshBuilder()
    if kind != "articulated":
        _section(b, rng, rear, front, height, (lower, upper), ends=(True, True))
        b.wheels((rear + 0.25 * length, front - 0.2 * length), _HALF_WIDTH + 0.005, 0.48)
        return b.build()
    joint = rear + 0.41 * length
    _section(b, rng, rear, joint - 0.5, height, (lower, upper), ends=(True, False))
    b.wheels((rear + 0.45 * (joint - rear),), _HALF_WIDTH + 0.005, 0.48)
    rubber = gray(rng.uniform(0.08, 0.3))
    for i in range(3):  # bellows
        start = joint - 0.5 + i / 3
        b.box((start, start + 0.3), _HALF_WIDTH - 0.08, (0.5, height - 0.08), rubber)
    b.in_front = True
    _section(b, rng, joint + 0.5, front, height, (lower, upper), ends=(False, True))
    b.wheels((joint + 2.0, front - 2.6), _HALF_WIDTH + 0.005, 0.48)
    return b.build()


def _section(
    b: MeshBuilder,
    rng: np.random.Generator,
    rear: float,
    front: float,
    height: float,
    colors: tuple[Color, Color],
    ends: tuple[bool, bool],
) -> None:
    """Adds one rigid body; ``ends`` states whether it includes the bus's rear and its front."""
    lower, upper = colors
    half, span = _HALF_WIDTH, front - rear
    sill, waist, eaves = 0.32, rng.uniform(1.05, 1.3), height - rng.uniform(0.35, 0.55)
    tail, nose = 0.06 * ends[0], 0.14 * ends[1]
    rings = [
        ring(rear, front, half - 0.02, sill),
        ring(rear, front, half, waist),
        ring(rear + 0.4 * tail, front - 0.6 * nose, half - 0.02, eaves),
        ring(rear + tail, front - nose, half - 0.06, height - 0.12),
        ring(rear + tail + 0.05, front - nose - 0.1, half - 0.26, height),
    ]
    skirt = b.loft(rings[0], rings[1], lower)
    if rng.random() < 0.4:  # a stripe
        for side in (0, 2):
            b.panel(skirt[side], (0, 1), (0.62, 0.8), upper, Material.PAINT)
    band = b.loft(rings[1], rings[2], upper if rng.random() < 0.5 else palette.CITY_BUS_GLASS)
    count = max(2, round(span / rng.uniform(1.3, 1.8)))
    gap = rng.uniform(0.03, 0.1)
    for side in (0, 2):
        for i in range(count):
            across = ((i + gap) / count, (i + 1 - gap) / count)
            b.panel(band[side], across, (0.04, 0.97), palette.CITY_BUS_GLASS)
    for door in (0.12, 0.55):  # doors on the right, glazed to the floor
        x = 1 - door
        b.panel(skirt[0], (x - 1.2 / span, x), (0.1, 1.0), palette.CITY_BUS_GLASS)
    b.loft(rings[2], rings[3], upper)
    roof = b.loft(rings[3], rings[4], upper, top=vary(rng, (0.76, 0.77, 0.77), cast=_CAST))
    if ends[1]:
        _finish_front(b, front, skirt[1], band[1], roof[1])
    if ends[0]:
        _finish_rear(b, skirt[3], band[3], lower, window=rng.random() < 0.7)
    for _ in range(int(rng.integers(0, 3))):  # roof units
        x = rng.uniform(rear + 0.5, max(front - 3.0, rear + 0.6))
        b.loft(
            ring(x, x + 1.9, half - 0.45, height),
            ring(x + 0.1, x + 1.8, half - 0.55, height + rng.uniform(0.1, 0.3)),
            vary(rng, palette.ROOF_UNIT, cast=_CAST),
            material=Material.MATT,
        )


def _finish_front(
    b: MeshBuilder, front: float, skirt: Float64Array, band: Float64Array, roof: Float64Array
) -> None:
    """Adds windscreen, sign, lamps and mirrors to the front's quads."""
    b.panel(band, (0.03, 0.97), (0.0, 1.0), palette.CITY_BUS_GLASS)
    b.panel(roof, (0.15, 0.85), (0.0, 0.9), palette.AMBER, Material.MATT)
    b.panel(skirt, (0.3, 0.7), (0.05, 0.3), gray(0.07), Material.MATT)
    for edge in ((0.02, 0.17), (0.83, 0.98)):
        b.panel(skirt, edge, (0.25, 0.5), palette.HEAD_LAMP, Material.HEAD_LAMP)
    for side in (-1, 1):
        b.box(
            (front + 0.05, front + 0.15),
            0.1,
            (1.7, 2.1),
            palette.TRIM,
            y=side * (_HALF_WIDTH + 0.12),
        )


def _finish_rear(
    b: MeshBuilder, skirt: Float64Array, band: Float64Array, paint: Color, *, window: bool
) -> None:
    """Adds grille, plate, lamps and, if asked for, a window to the rear's quads."""
    if window:
        b.panel(band, (0.1, 0.9), (0.1, 0.9), palette.CITY_BUS_GLASS)
    b.panel(skirt, (0.22, 0.78), (0.1, 0.65), scaled(paint, 0.5), Material.MATT)
    b.panel(skirt, (0.4, 0.6), (0.02, 0.1), (0.1, 0.6, 0.8), Material.MATT)
    for edge in ((0.02, 0.14), (0.86, 0.98)):
        b.panel(skirt, edge, (0.35, 0.85), palette.TAIL_LAMP, Material.TAIL_LAMP)
