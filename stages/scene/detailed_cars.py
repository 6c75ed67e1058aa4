"""Detailed cars, including taxis: rounded, with wheel arches, seams and plates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.records import Float64Array
from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, ring
from stages.scene.palette import Color, gray, pick, pick_share, scaled, vary


@dataclass(frozen=True, slots=True)
class _Shape:
    """Proportions of one style of car, metres."""

    length: float
    width: float
    height: float
    trunk: float
    roof_slope: float
    hood: float
    wheel: float


_STYLES: dict[str, _Shape] = {
    "sedan": _Shape(4.75, 1.80, 1.45, 0.75, 0.75, 1.25, 0.32),
    "hatch": _Shape(4.05, 1.74, 1.50, 0.10, 0.45, 0.98, 0.31),
    "estate": _Shape(4.70, 1.80, 1.48, 0.08, 0.35, 1.2, 0.32),
    "suv": _Shape(4.60, 1.88, 1.72, 0.10, 0.38, 1.15, 0.36),
    "micro": _Shape(3.55, 1.60, 1.55, 0.06, 0.30, 0.75, 0.28),
    "minivan": _Shape(4.75, 1.84, 1.78, 0.06, 0.30, 0.85, 0.33),
}


def make_car(rng: np.random.Generator) -> Mesh:
    """Returns a car of one of six styles."""
    style = str(rng.choice(list(_STYLES), p=[0.42, 0.16, 0.06, 0.24, 0.04, 0.08]))
    shape = _STYLES[style]
    length, half = shape.length + rng.normal(0, 0.15), shape.width / 2 + rng.normal(0, 0.02)
    height = shape.height + rng.normal(0, 0.03)
    rear, front = -length / 2, length / 2
    waist = height * rng.uniform(0.58, 0.63)
    paint = vary(rng, pick_share(rng, palette.DULL_PAINTS), gain=0.12)
    upper = paint
    if style == "sedan" and rng.random() < 0.12:
        paint, upper = pick(rng, palette.TAXIS)
    glass = gray(rng.uniform(0.04, 0.14))
    b = MeshBuilder()
    _body(b, rng, (rear, front), half, waist, (paint, upper), shape)
    cowl, sill = front - shape.hood + rng.normal(0, 0.08), rear + shape.trunk
    roof = (sill + shape.roof_slope, cowl - rng.uniform(0.65, 0.85))
    _greenhouse(b, rng, (sill, cowl), roof, half, (waist, height), upper, glass)
    b.mirrors((cowl - 0.4, half - 0.04, waist - 0.02), 0.2, 0.15, upper)
    return b.build()


def _body(
    b: MeshBuilder,
    rng: np.random.Generator,
    ends: tuple[float, float],
    half: float,
    waist: float,
    colors: tuple[Color, Color],
    shape: _Shape,
) -> None:
    """Adds a car up to its waist; ``colors`` are those of the flanks and of the parts above."""
    rear, front = ends
    paint, upper = colors
    length, nose = front - rear, waist - rng.uniform(0.14, 0.24)
    sill = _rounded(rear + 0.06, front - 0.06, half - 0.06, (0.2, 0.2))
    low = _rounded(rear, front, half - 0.01, (0.36, 0.36))
    belt = _rounded(rear, front - 0.02, half, (0.6, 0.54))
    shoulder = _rounded(rear + 0.05, front - 0.10, half - 0.03, (waist - 0.08, nose - 0.06))
    top = _rounded(rear + 0.14, front - 0.24, half - 0.12, (waist, nose))
    skirt = b.loft(sill, low, palette.TRIM if rng.random() < 0.5 else scaled(paint, 0.7))
    bumpers = b.loft(low, belt, paint)
    flanks = b.loft(belt, shoulder, paint)
    b.loft(shoulder, top, upper)
    for axle in (rear + 0.19 * length, front - 0.185 * length):
        _arches(b, axle, half + 0.004, shape.wheel * 1.22)
        b.wheels((axle,), half + 0.01, shape.wheel)
    seam = scaled(paint, 0.55)
    for side in (0, 6):
        for share in (0.27, 0.5, 0.71):
            at = share if side == 0 else 1 - share
            for quads in (bumpers, flanks):
                b.panel(quads[side], (at, at + 0.008), (0, 1), seam, Material.MATT)
    _ends(b, rng, skirt, bumpers, flanks)


def _ends(
    b: MeshBuilder,
    rng: np.random.Generator,
    skirt: Sequence[Float64Array],
    bumpers: Sequence[Float64Array],
    flanks: Sequence[Float64Array],
) -> None:
    """Adds plates, grille and lamps to the sides of the lower body, made by `_rounded` rings."""
    plate = pick_share(rng, palette.PLATES)
    b.panel(bumpers[3], (0.12, 0.88), (0.45, 1.0), palette.TRIM, Material.MATT)
    b.panel(skirt[3], (0.1, 0.9), (0.2, 0.9), palette.TRIM, Material.MATT)
    b.panel(bumpers[3], (0.34, 0.66), (0.2, 0.55), plate, Material.MATT)
    b.panel(flanks[3], (0.2, 0.8), (0.1, 0.6), gray(rng.uniform(0.06, 0.5)), Material.MATT)
    lamp = palette.DETAILED_HEAD_LAMP
    for fore, aft, side, span in ((2, 1, 0, (0.93, 1.0)), (4, 5, 6, (0.0, 0.07))):
        b.panel(flanks[fore], (0.0, 1.0), (0.05, 0.75), lamp, Material.HEAD_LAMP)
        b.panel(flanks[aft], (0, 1), (0.1, 0.7), lamp)
        b.panel(flanks[side], span, (0.2, 0.7), lamp)
    rear_plate = bumpers if rng.random() < 0.5 else flanks
    b.panel(rear_plate[9], (0.34, 0.66), (0.2, 0.65), plate, Material.MATT)
    for corner in (7, 8, 10, 11):
        b.panel(flanks[corner], (0, 1), (0.2, 0.95), palette.TAIL_LAMP, Material.TAIL_LAMP)
    for span in ((0.0, 0.18), (0.82, 1.0)):
        b.panel(flanks[9], span, (0.2, 0.95), palette.TAIL_LAMP, Material.TAIL_LAMP)


def _greenhouse(
    b: MeshBuilder,
    rng: np.random.Generator,
    sill: tuple[float, float],
    roof: tuple[float, float],
    half: float,
    z: tuple[float, float],
    paint: Color,
    glass: Color,
) -> None:
    """Adds windows and roof; ``sill`` and ``roof`` run rear to front, ``z`` from waist to top."""
    waist, height = z
    low = ring(*sill, half - 0.08, (waist - 0.02, waist - 0.07))
    eaves = ring(*roof, half - 0.24, (height - 0.09, height - 0.06))
    crown = ring(roof[0] + 0.12, roof[1] - 0.2, half - 0.36, (height - 0.02, height))
    house = b.loft(low, eaves, scaled(paint, 0.8))
    b.loft(eaves, crown, paint, top=palette.TRIM if rng.random() < 0.12 else paint)
    b.side_windows(house, ((0.08, 0.30), (0.33, 0.60), (0.63, 0.93)), (0.10, 0.92), glass)
    b.panel(house[1], (0.04, 0.96), (0.04, 0.97), glass)
    b.panel(house[3], (0.07, 0.93), (0.10, 0.94), glass)
    if rng.random() < 0.15:
        middle = (roof[0] + roof[1]) / 2
        b.face(ring(middle - 0.5, middle + 0.4, 0.38, height - 0.01), glass, Material.GLASS)


def _arches(b: MeshBuilder, x: float, half: float, radius: float) -> None:
    """Adds the dark half discs in which the wheels turn."""
    angle = np.linspace(-0.15, np.pi + 0.15, 10)
    for side in (-1, 1):
        turn = angle if side < 0 else angle[::-1]
        x_turned, z_turned = x + radius * np.cos(turn), 0.30 + radius * np.sin(turn)
        y = np.full(len(turn), side * half)
        b.face(np.column_stack([x_turned, y, z_turned]), gray(0.02), Material.MATT)


def _rounded(rear: float, front: float, half: float, z: tuple[float, float]) -> Float64Array:
    """Returns a ring ``(12, 3)`` with round corners, counter-clockwise from above.

    Its sides are 0 right, 3 front, 6 left and 9 rear, with two corner pieces between neighbours.
    """
    cx, cy, w, bulge = 0.46, 0.34, half, 0.3
    flat = np.array(
        [
            (rear + cx, -w),
            (front - cx, -w),
            (front - bulge * cx, -w + bulge * cy),
            (front, -w + cy),
            (front, w - cy),
            (front - bulge * cx, w - bulge * cy),
            (front - cx, w),
            (rear + cx, w),
            (rear + bulge * cx, w - bulge * cy),
            (rear, w - cy),
            (rear, -w + cy),
            (rear + bulge * cx, -w + bulge * cy),
        ]
    )
    share = (flat[:, 0] - rear) / (front - rear)
    return np.column_stack([flat, z[0] + share * (z[1] - z[0])])
