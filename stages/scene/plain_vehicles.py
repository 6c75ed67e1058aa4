"""Plain cars, vans and buses, in realistic sizes and colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, ring
from stages.scene.palette import Color, gray, pick, pick_share, scaled, vary


class _Style(NamedTuple):
    """Proportions of a style of car, metres."""

    length: float
    height: float
    rear_slope: float
    wheel: float


_STYLES = {
    "sedan": _Style(4.75, 1.46, 0.65, 0.32),
    "hatch": _Style(4.1, 1.46, 0.42, 0.32),
    "estate": _Style(4.7, 1.46, 0.28, 0.32),
    "suv": _Style(4.6, 1.68, 0.30, 0.35),
}


def make_plain_car(rng: np.random.Generator) -> Mesh:
    """Returns a car of one of four styles."""
    name = str(rng.choice(list(_STYLES), p=[0.4, 0.22, 0.13, 0.25]))
    style = _STYLES[name]
    length = style.length + rng.normal(0, 0.15)
    half = (1.80 + (0.1 if name == "suv" else 0.0) + rng.normal(0, 0.03)) / 2
    height = style.height + rng.normal(0, 0.03)
    waist = height * 0.60
    paint = vary(rng, pick_share(rng, palette.PAINTS))
    rear, front = -length / 2, length / 2
    b = MeshBuilder()
    _car_body(b, (rear, front), half, waist, style.wheel, paint)
    windscreen = front - length * rng.uniform(0.24, 0.29)
    boot = {"sedan": length * 0.13, "estate": 0.10}.get(name, 0.12)
    roof = (rear + boot + style.rear_slope, windscreen - rng.uniform(0.62, 0.8))
    b.mirrors((windscreen - 0.45, half - 0.02, waist), 0.17, 0.14, paint)
    glasshouse = b.loft(
        ring(rear + boot, windscreen, half - 0.07, (waist - 0.02, waist - 0.07)),
        ring(*roof, half - 0.26, (height - 0.03, height)),
        scaled(paint, 0.75),
        top=palette.TRIM if rng.random() < 0.22 else paint,
    )
    b.side_windows(
        glasshouse, ((0.10, 0.33), (0.36, 0.62), (0.65, 0.93)), (0.10, 0.90), palette.GLASS
    )
    b.panel(glasshouse[1], (0.04, 0.96), (0.05, 0.95), palette.GLASS)
    b.panel(glasshouse[3], (0.08, 0.92), (0.12, 0.92), palette.GLASS)
    if name in ("estate", "suv") and rng.random() < 0.5:
        for side in (-1, 1):
            rail = ring(*roof, 0.03, height) + np.array([0.0, side * (half - 0.32), 0.0])
            b.face(rail, gray(0.25), Material.MATT)
    if rng.random() < 0.12:
        middle = (roof[1] + roof[0]) / 2
        b.face(ring(middle - 0.5, middle + 0.45, 0.4, height), palette.GLASS, Material.GLASS)
    return b.build()


def _car_body(
    b: MeshBuilder,
    ends: tuple[float, float],
    half: float,
    waist: float,
    wheel: float,
    paint: Color,
) -> None:
    """Adds a car up to its waist, with lamps and wheels."""
    rear, front = ends
    bumper = ring(rear, front, half, 0.22, (0.42, 0.30))
    belt = ring(rear, front, half, (0.62, 0.56), (0.42, 0.30))
    shoulder = ring(rear + 0.06, front - 0.10, half - 0.05, (waist, waist - 0.16), (0.45, 0.28))
    sides = b.loft(bumper, belt, paint)
    b.panel(sides[2], (0.22, 0.78), (0.1, 0.62), palette.TRIM, Material.MATT)
    b.panel(sides[6], (0.25, 0.75), (0.30, 0.62), scaled(gray(0.8), 0.9), Material.MATT)
    for corner, span in ((1, (0.0, 0.2)), (3, (0.8, 1.0))):
        b.panel(sides[corner], (0.05, 0.95), (0.55, 0.98), palette.HEAD_LAMP, Material.HEAD_LAMP)
        b.panel(sides[2], span, (0.6, 0.98), palette.HEAD_LAMP, Material.HEAD_LAMP)
    length = front - rear
    b.wheels((rear + 0.19 * length, front - 0.19 * length), half + 0.005, wheel)
    shoulders = b.loft(belt, shoulder, paint)
    for corner in (5, 7):
        b.panel(
            shoulders[corner], (0.05, 0.95), (0.05, 0.85), palette.TAIL_LAMP, Material.TAIL_LAMP
        )
    for span in ((0.0, 0.22), (0.78, 1.0)):
        b.panel(shoulders[6], span, (0.05, 0.85), palette.TAIL_LAMP, Material.TAIL_LAMP)


def make_van(rng: np.random.Generator) -> Mesh:
    """Returns a van of 4.9 to 6 m, with or without rear side windows."""
    length, half = rng.uniform(4.9, 6.0), rng.uniform(1.9, 2.05) / 2
    height = rng.uniform(1.95, 2.6)
    paint = vary(rng, pick_share(rng, palette.PAINTS) if rng.random() < 0.5 else palette.WHITE)
    rear, front = -length / 2, length / 2
    b = MeshBuilder()
    bumper = ring(rear, front, half, 0.25, (0.25, 0.22))
    belt = ring(rear, front - 0.05, half, (1.05, 0.85), (0.25, 0.22))
    sides = b.loft(bumper, belt, paint)
    b.panel(sides[2], (0.15, 0.85), (0.1, 0.6), palette.TRIM, Material.MATT)
    for corner in (1, 3):
        b.panel(sides[corner], (0.05, 0.95), (0.55, 0.95), palette.HEAD_LAMP, Material.HEAD_LAMP)
    for corner in (5, 7):
        b.panel(sides[corner], (0.05, 0.95), (0.5, 0.98), palette.TAIL_LAMP, Material.TAIL_LAMP)
    b.panel(sides[6], (0.3, 0.7), (0.3, 0.5), gray(0.75), Material.MATT)
    b.wheels((rear + 0.2 * length, front - 0.17 * length), half + 0.005, 0.35)
    nose = front - rng.uniform(0.55, 0.9)
    waist = ring(rear, nose, half, 1.08)
    b.loft(ring(rear, front - 0.05, half - 0.03, (1.05, 0.85)), waist, paint)
    high = ring(rear + 0.08, nose - rng.uniform(0.5, 0.8), half - 0.12, height)
    body = b.loft(waist, high, paint)
    b.panel(body[1], (0.06, 0.94), (0.06, 0.80), palette.GLASS)
    windows = [(0.74, 0.93)]
    if rng.random() < 0.5:
        windows += [(0.05, 0.26), (0.29, 0.49), (0.52, 0.71)]
    b.side_windows(body, windows, (0.12, 0.66), palette.GLASS)
    for span in ((0.08, 0.48), (0.52, 0.92)):
        b.panel(body[3], span, (0.2, 0.68), palette.GLASS)
    return b.build()


def make_plain_bus(rng: np.random.Generator) -> Mesh:
    """Returns a bus of 9.8 to 12.6 m."""
    length, half = rng.uniform(9.8, 12.6), 2.5 / 2
    height = rng.uniform(2.95, 3.3)
    rear, front = -length / 2, length / 2
    paint = vary(rng, pick(rng, palette.BUS_LIVERIES))
    second = paint if rng.random() < 0.5 else vary(rng, palette.WHITE)
    b = MeshBuilder()
    low = ring(rear, front, half, 0.3)
    belt = ring(rear, front, half, 1.25)
    sides = b.loft(low, belt, paint)
    b.panel(sides[1], (0.2, 0.8), (0.1, 0.45), palette.TRIM, Material.MATT)
    for span in ((0.02, 0.16), (0.84, 0.98)):
        b.panel(sides[1], span, (0.2, 0.5), palette.HEAD_LAMP, Material.HEAD_LAMP)
        b.panel(sides[3], span, (0.4, 0.85), palette.TAIL_LAMP, Material.TAIL_LAMP)
    b.panel(sides[3], (0.25, 0.75), (0.1, 0.6), scaled(paint, 0.5), Material.MATT)
    b.wheels((rear + 0.24 * length, front - 0.2 * length), half + 0.005, 0.48)
    upper = b.loft(
        belt,
        ring(rear + 0.05, front - 0.12, half - 0.06, height),
        second,
        top=vary(rng, (0.78, 0.79, 0.79)) if rng.random() < 0.6 else paint,
    )
    count = int(rng.integers(6, 9))
    for side in (0, 2):
        for i in range(count):
            span = ((i + 0.06) / count, (i + 0.94) / count)
            b.panel(upper[side], span, (0.06, 0.68), palette.GLASS)
    b.panel(upper[1], (0.03, 0.97), (0.02, 0.78), palette.GLASS)
    b.panel(upper[1], (0.2, 0.8), (0.82, 0.94), palette.AMBER, Material.MATT)
    b.panel(upper[3], (0.12, 0.88), (0.15, 0.68), palette.GLASS)
    for x in [rear + 0.2 * length] if rng.random() < 0.4 else [rear + 0.2 * length, 0.25 * front]:
        b.loft(
            ring(x, x + 1.9, half - 0.4, height),
            ring(x + 0.1, x + 1.8, half - 0.5, height + 0.22),
            vary(rng, palette.ROOF_UNIT),
            material=Material.MATT,
        )
    return b.build()
