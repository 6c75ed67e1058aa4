"""Cars in more detail than the demo's: rounded, with wheel arches, seams, plates and two tones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring
from stages.records import Float64Array

_TRIM: Colour = (0.06, 0.06, 0.06)
_LAMP: Colour = (0.80, 0.82, 0.83)
_TAIL: Colour = (0.10, 0.08, 0.55)
_PLATES: tuple[Colour, ...] = ((0.60, 0.25, 0.08), (0.80, 0.80, 0.80), (0.10, 0.62, 0.80))

# Blue, green, red. More black, grey and silver than are sold: they are what is overlooked.
_PAINTS: tuple[tuple[float, Colour], ...] = (
    (0.20, (0.82, 0.83, 0.83)),
    (0.22, (0.055, 0.05, 0.05)),
    (0.10, (0.11, 0.105, 0.10)),
    (0.12, (0.24, 0.235, 0.23)),
    (0.14, (0.55, 0.55, 0.54)),
    (0.04, (0.38, 0.40, 0.42)),
    (0.05, (0.34, 0.16, 0.08)),
    (0.02, (0.55, 0.30, 0.12)),
    (0.05, (0.12, 0.09, 0.50)),
    (0.02, (0.14, 0.11, 0.26)),
    (0.01, (0.20, 0.30, 0.15)),
    (0.02, (0.34, 0.48, 0.58)),
    (0.01, (0.12, 0.60, 0.80)),
)
_TAXIS: tuple[tuple[Colour, Colour], ...] = (  # below and above the waist
    (((0.10, 0.55, 0.82)), (0.30, 0.40, 0.12)),
    (((0.10, 0.55, 0.82)), (0.55, 0.30, 0.12)),
    (((0.10, 0.55, 0.82)), (0.14, 0.12, 0.50)),
    (((0.08, 0.62, 0.85)), (0.08, 0.62, 0.85)),
    (((0.40, 0.50, 0.20)), (0.75, 0.76, 0.76)),
)


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
    """A car of one of six styles."""
    style = str(rng.choice(list(_STYLES), p=[0.42, 0.16, 0.06, 0.24, 0.04, 0.08]))
    shape = _STYLES[style]
    length, half = shape.length + rng.normal(0, 0.15), shape.width / 2 + rng.normal(0, 0.02)
    height = shape.height + rng.normal(0, 0.03)
    rear, front = -length / 2, length / 2
    waist = height * rng.uniform(0.58, 0.63)
    paint = _pick(rng)
    upper = paint
    if style == "sedan" and rng.random() < 0.12:
        paint, upper = _TAXIS[int(rng.integers(len(_TAXIS)))]
    glass = _grey(rng.uniform(0.04, 0.14))
    b = MeshBuilder()
    _body(b, rng, (rear, front), half, waist, (paint, upper), shape)
    cowl, sill = front - shape.hood + rng.normal(0, 0.08), rear + shape.trunk
    roof = (sill + shape.roof_slope, cowl - rng.uniform(0.65, 0.85))
    _greenhouse(b, rng, (sill, cowl), roof, half, (waist, height), upper, glass)
    for side in (-1, 1):  # mirrors
        x, y, z = cowl - 0.4, side * (half - 0.04), waist - 0.02
        mirror = np.array(
            [[x, y, z], [x, y + side * 0.2, z], [x, y + side * 0.2, z + 0.15], [x, y, z + 0.15]]
        )
        b.face(mirror, upper)
        b.face(mirror[::-1], upper)
    return b.build()


def _body(
    b: MeshBuilder,
    rng: np.random.Generator,
    ends: tuple[float, float],
    half: float,
    waist: float,
    colours: tuple[Colour, Colour],
    shape: _Shape,
) -> None:
    rear, front = ends
    paint, upper = colours
    length, nose = front - rear, waist - rng.uniform(0.14, 0.24)
    sill = _rounded(rear + 0.06, front - 0.06, half - 0.06, (0.2, 0.2))
    low = _rounded(rear, front, half - 0.01, (0.36, 0.36))
    belt = _rounded(rear, front - 0.02, half, (0.6, 0.54))
    shoulder = _rounded(rear + 0.05, front - 0.10, half - 0.03, (waist - 0.08, nose - 0.06))
    top = _rounded(rear + 0.14, front - 0.24, half - 0.12, (waist, nose))
    skirt = b.loft(sill, low, _TRIM if rng.random() < 0.5 else _scale(paint, 0.7))
    bumpers = b.loft(low, belt, paint)
    flanks = b.loft(belt, shoulder, paint)
    b.loft(shoulder, top, upper)
    for axle in (rear + 0.19 * length, front - 0.185 * length):
        _arches(b, axle, half + 0.004, shape.wheel * 1.22)
        b.wheels((axle,), half + 0.01, shape.wheel)
    seam = _scale(paint, 0.55)
    for side in (0, 6):
        for share in (0.27, 0.5, 0.71):
            at = share if side == 0 else 1 - share
            for quads in (bumpers, flanks):
                b.panel(quads[side], (at, at + 0.008), (0, 1), seam, Material.MATT)
    plate = _PLATES[int(rng.choice(len(_PLATES), p=[0.5, 0.35, 0.15]))]
    b.panel(bumpers[3], (0.12, 0.88), (0.45, 1.0), _TRIM, Material.MATT)
    b.panel(skirt[3], (0.1, 0.9), (0.2, 0.9), _TRIM, Material.MATT)
    b.panel(bumpers[3], (0.34, 0.66), (0.2, 0.55), plate, Material.MATT)
    b.panel(flanks[3], (0.2, 0.8), (0.1, 0.6), _grey(rng.uniform(0.06, 0.5)), Material.MATT)
    for corner, side, span in ((2, 0, (0.93, 1.0)), (4, 6, (0.0, 0.07))):
        b.panel(flanks[corner], (0.0, 1.0), (0.05, 0.75), _LAMP, Material.HEAD_LAMP)
        b.panel(flanks[corner - 1 if corner == 2 else 5], (0, 1), (0.1, 0.7), _LAMP)
        b.panel(flanks[side], span, (0.2, 0.7), _LAMP)
    plate_at = bumpers if rng.random() < 0.5 else flanks
    b.panel(plate_at[9], (0.34, 0.66), (0.2, 0.65), plate, Material.MATT)
    for corner in (7, 8, 10, 11):
        b.panel(flanks[corner], (0, 1), (0.2, 0.95), _TAIL, Material.TAIL_LAMP)
    for span in ((0.0, 0.18), (0.82, 1.0)):
        b.panel(flanks[9], span, (0.2, 0.95), _TAIL, Material.TAIL_LAMP)


def _greenhouse(
    b: MeshBuilder,
    rng: np.random.Generator,
    sill: tuple[float, float],
    roof: tuple[float, float],
    half: float,
    z: tuple[float, float],
    paint: Colour,
    glass: Colour,
) -> None:
    waist, height = z
    low = ring(sill[0], sill[1], half - 0.08, (waist - 0.02, waist - 0.07))
    eaves = ring(roof[0], roof[1], half - 0.24, (height - 0.09, height - 0.06))
    crown = ring(roof[0] + 0.12, roof[1] - 0.2, half - 0.36, (height - 0.02, height))
    house = b.loft(low, eaves, _scale(paint, 0.8))
    tone = rng.uniform(0, 1)
    top = _TRIM if tone < 0.12 else paint
    b.loft(eaves, crown, paint, top=top)
    for side in (0, 2):
        for span in ((0.08, 0.30), (0.33, 0.60), (0.63, 0.93)):
            across = span if side == 0 else (1 - span[1], 1 - span[0])
            b.panel(house[side], across, (0.10, 0.92), glass)
    b.panel(house[1], (0.04, 0.96), (0.04, 0.97), glass)
    b.panel(house[3], (0.07, 0.93), (0.10, 0.94), glass)
    if rng.random() < 0.15:
        middle = (roof[0] + roof[1]) / 2
        b.face(ring(middle - 0.5, middle + 0.4, 0.38, height - 0.01), glass, Material.GLASS)


def _arches(b: MeshBuilder, x: float, half: float, radius: float) -> None:
    """The dark half discs in which the wheels turn."""
    angle = np.linspace(-0.15, np.pi + 0.15, 10)
    for side in (-1, 1):
        turn = angle if side < 0 else angle[::-1]
        b.face(
            np.column_stack(
                [
                    x + radius * np.cos(turn),
                    np.full(len(turn), side * half),
                    0.30 + radius * np.sin(turn),
                ]
            ),
            (0.02, 0.02, 0.02),
            Material.MATT,
        )


def _rounded(rear: float, front: float, half: float, z: tuple[float, float]) -> Float64Array:
    """``(12, 3)`` a level ring with round corners, counter-clockwise from above.

    Its sides: 0 right, 3 front, 6 left, 9 rear, and two pieces of corner between each two.
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


def _pick(rng: np.random.Generator) -> Colour:
    shares = np.array([share for share, _ in _PAINTS])
    colour = _PAINTS[int(rng.choice(len(_PAINTS), p=shares / shares.sum()))][1]
    gain = rng.normal(1.0, 0.12)
    b, g, r = np.clip(np.array(colour) * gain + rng.normal(0, 0.012, 3), 0.03, 0.95)
    return (float(b), float(g), float(r))


def _scale(colour: Colour, gain: float) -> Colour:
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain)


def _grey(level: float) -> Colour:
    return (level, level, level)
