"""Trucks: a cab, and behind it a box, a tipper's tub, a flat bed or a tank."""

from __future__ import annotations

import numpy as np

from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, ring
from stages.scene.palette import Color, gray, pick, pick_share, scaled, vary


def make_truck(rng: np.random.Generator) -> Mesh:
    """Returns a truck of 6.5 to 12 m."""
    length, half = rng.uniform(6.5, 12.0), rng.uniform(2.25, 2.5) / 2
    rear, front = -length / 2, length / 2
    cab_length, cab_height = rng.uniform(1.7, 2.2), rng.uniform(2.4, 3.1)
    style = str(rng.choice(["box", "tipper", "flat", "tank"], p=[0.6, 0.16, 0.14, 0.1]))
    cab_paint = vary(rng, pick_share(rng, palette.PAINTS))
    load = vary(rng, pick(rng, palette.LOADS))
    bed = (rear, front - cab_length - 0.25)
    b = MeshBuilder()
    chassis = b.box((rear, front - 0.3), half - 0.12, (0.45, 1.0), gray(0.12))
    for span in ((0.0, 0.25), (0.75, 1.0)):
        b.panel(chassis[3], span, (0.5, 0.9), palette.TAIL_LAMP, Material.TAIL_LAMP)
    axles = [rear + 0.16 * length, front - 1.2]
    if length > 9:
        axles.insert(1, rear + 0.16 * length + 1.3)
    b.wheels(axles, half - 0.02, 0.48)
    if style == "tank":
        _add_tank(b, bed, half, load)
    else:
        _add_bed(b, rng, style, bed, half, load)
    b.in_front = True
    _add_cab(b, (front - cab_length, front), half, cab_height, cab_paint)
    b.wheels([front - 1.2], half, 0.48)
    return b.build()


def _add_tank(b: MeshBuilder, bed: tuple[float, float], half: float, load: Color) -> None:
    widths_and_heights = ((0.5, 1.0), (half, 1.7), (half - 0.1, 2.5), (0.6, 2.95))
    b.stack([ring(*bed, width, height) for width, height in widths_and_heights], load)


def _add_bed(
    b: MeshBuilder,
    rng: np.random.Generator,
    style: str,
    bed: tuple[float, float],
    half: float,
    load: Color,
) -> None:
    """Adds the part behind the cab in the styles ``box``, ``tipper`` and ``flat``."""
    rear, front = bed
    height = {"box": rng.uniform(2.9, 3.8), "tipper": 2.3, "flat": 1.35}[style]
    inside = {"box": load, "tipper": (0.20, 0.26, 0.32), "flat": (0.30, 0.38, 0.45)}[style]
    sides = b.box(bed, half, (1.0, height), load, top=vary(rng, inside), material=Material.PAINT)
    if style == "box":
        if rng.random() < 0.5:  # advertisements
            for side in (0, 2):
                sign = vary(rng, pick(rng, palette.LOADS))
                b.panel(sides[side], (0.25, 0.75), (0.35, 0.7), sign, Material.MATT)
        for span in ((0.04, 0.49), (0.51, 0.96)):  # doors
            b.panel(sides[3], span, (0.05, 0.95), scaled(load, 0.9), Material.PAINT)
    elif style == "tipper":
        floor = ring(rear + 0.15, front - 0.15, half - 0.15, height)
        b.face(floor, vary(rng, inside), Material.MATT)
    elif rng.random() < 0.6:
        cargo = vary(rng, pick(rng, palette.LOADS))
        end = rear + rng.uniform(0.4, 0.95) * (front - rear)
        top = height + rng.uniform(0.4, 1.2)
        b.box((rear + 0.1, end), half - 0.2, (height, top), cargo, material=Material.PAINT)


def _add_cab(
    b: MeshBuilder, ends: tuple[float, float], half: float, height: float, paint: Color
) -> None:
    rear, front = ends
    waist = ring(rear, front - 0.03, half - 0.02, 1.5)
    lower = b.loft(ring(rear, front, half - 0.02, 0.5), waist, paint)
    b.panel(lower[1], (0.25, 0.75), (0.15, 0.7), palette.TRIM, Material.MATT)
    for span in ((0.02, 0.2), (0.8, 0.98)):
        b.panel(lower[1], span, (0.05, 0.3), palette.HEAD_LAMP, Material.HEAD_LAMP)
    upper = b.loft(waist, ring(rear, front - 0.3, half - 0.1, height), paint)
    b.panel(upper[1], (0.05, 0.95), (0.02, 0.78), palette.GLASS)
    b.panel(upper[0], (0.35, 0.92), (0.05, 0.70), palette.GLASS)
    b.panel(upper[2], (0.08, 0.65), (0.05, 0.70), palette.GLASS)
