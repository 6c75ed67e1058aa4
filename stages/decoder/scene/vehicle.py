"""Cars, vans, trucks and buses at random, of real sizes and the colours one meets."""

from __future__ import annotations

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring

CLASS_NAMES = ("car", "van", "truck", "bus")
CLASS_SHARES = (0.76, 0.12, 0.07, 0.05)

_GLASS: Colour = (0.13, 0.115, 0.10)
_TRIM: Colour = (0.06, 0.06, 0.06)
_LAMP: Colour = (0.82, 0.84, 0.85)
_TAIL: Colour = (0.10, 0.08, 0.55)
_AMBER: Colour = (0.05, 0.35, 0.75)

# Blue, green, red; the shares follow what is sold.
_PAINTS: tuple[tuple[float, Colour], ...] = (
    (0.26, (0.84, 0.85, 0.85)),
    (0.20, (0.07, 0.065, 0.065)),
    (0.17, (0.36, 0.35, 0.34)),
    (0.12, (0.62, 0.62, 0.61)),
    (0.07, (0.48, 0.24, 0.12)),
    (0.03, (0.70, 0.42, 0.18)),
    (0.07, (0.13, 0.10, 0.58)),
    (0.02, (0.20, 0.16, 0.36)),
    (0.02, (0.22, 0.34, 0.16)),
    (0.02, (0.42, 0.56, 0.66)),
    (0.02, (0.12, 0.66, 0.84)),
    (0.02, (0.10, 0.38, 0.86)),
    (0.02, (0.20, 0.28, 0.38)),
)
_LOADS: tuple[Colour, ...] = (
    (0.86, 0.86, 0.86),
    (0.72, 0.74, 0.74),
    (0.55, 0.30, 0.14),
    (0.14, 0.14, 0.62),
    (0.22, 0.44, 0.20),
    (0.14, 0.52, 0.82),
    (0.36, 0.36, 0.36),
)
_LIVERIES: tuple[Colour, ...] = (
    (0.12, 0.12, 0.66),
    (0.62, 0.34, 0.12),
    (0.30, 0.55, 0.18),
    (0.10, 0.62, 0.84),
    (0.84, 0.85, 0.85),
    (0.62, 0.60, 0.22),
)


def make_vehicle(rng: np.random.Generator, kind: int) -> Mesh:
    """A vehicle of the class ``kind``, an index into `CLASS_NAMES`."""
    return (_car, _van, _truck, _bus)[kind](rng)


def _paint(rng: np.random.Generator) -> Colour:
    shares = np.array([share for share, _ in _PAINTS])
    colour = _PAINTS[int(rng.choice(len(_PAINTS), p=shares / shares.sum()))][1]
    return _vary(rng, colour)


def _vary(rng: np.random.Generator, colour: Colour) -> Colour:
    gain = rng.normal(1.0, 0.1)
    b, g, r = np.clip(np.array(colour) * gain + rng.normal(0, 0.012, 3), 0.03, 0.95)
    return (float(b), float(g), float(r))


def _shade(colour: Colour, gain: float) -> Colour:
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain)


def _car(rng: np.random.Generator) -> Mesh:
    style = str(rng.choice(["sedan", "hatch", "estate", "suv"], p=[0.4, 0.22, 0.13, 0.25]))
    length = {"sedan": 4.75, "hatch": 4.1, "estate": 4.7, "suv": 4.6}[style] + rng.normal(0, 0.15)
    half = (1.80 + (0.1 if style == "suv" else 0.0) + rng.normal(0, 0.03)) / 2
    height = (1.68 if style == "suv" else 1.46) + rng.normal(0, 0.03)
    waist = height * 0.60
    paint = _paint(rng)
    rear, front = -length / 2, length / 2
    radius = 0.35 if style == "suv" else 0.32
    b = MeshBuilder()
    bumper = ring(rear, front, half, 0.22, (0.42, 0.30))
    belt = ring(rear, front, half, (0.62, 0.56), (0.42, 0.30))
    sides = b.loft(bumper, belt, paint)
    b.panel(sides[2], (0.22, 0.78), (0.1, 0.62), _TRIM, Material.MATT)
    b.panel(sides[6], (0.25, 0.75), (0.30, 0.62), _shade((0.8, 0.8, 0.8), 0.9), Material.MATT)
    for left, corner in ((0, 1), (1, 3)):
        b.panel(sides[corner], (0.05, 0.95), (0.55, 0.98), _LAMP, Material.HEAD_LAMP)
        b.panel(
            sides[2], (0.0, 0.2) if not left else (0.8, 1.0), (0.6, 0.98), _LAMP, Material.HEAD_LAMP
        )
    b.wheels((rear + 0.19 * length, front - 0.19 * length), half + 0.005, radius)
    shoulder = ring(rear + 0.06, front - 0.10, half - 0.05, (waist, waist - 0.16), (0.45, 0.28))
    shoulders = b.loft(belt, shoulder, paint)
    for corner in (5, 7):
        b.panel(shoulders[corner], (0.05, 0.95), (0.05, 0.85), _TAIL, Material.TAIL_LAMP)
    for span in ((0.0, 0.22), (0.78, 1.0)):
        b.panel(shoulders[6], span, (0.05, 0.85), _TAIL, Material.TAIL_LAMP)
    windscreen = front - length * rng.uniform(0.24, 0.29)
    tail = {
        "sedan": rear + length * 0.13,
        "hatch": rear + 0.12,
        "estate": rear + 0.10,
        "suv": rear + 0.12,
    }[style]
    roof_front = windscreen - rng.uniform(0.62, 0.8)
    roof_rear = tail + {"sedan": 0.65, "hatch": 0.42, "estate": 0.28, "suv": 0.30}[style]
    for side in (-1, 1):  # mirrors
        x, y, z = windscreen - 0.45, side * (half - 0.02), waist
        mirror = np.array(
            [[x, y, z], [x, y + side * 0.17, z], [x, y + side * 0.17, z + 0.14], [x, y, z + 0.14]]
        )
        b.face(mirror, paint)
        b.face(mirror[::-1], paint)
    low = ring(tail, windscreen, half - 0.07, (waist - 0.02, waist - 0.07))
    high = ring(roof_rear, roof_front, half - 0.26, (height - 0.03, height))
    roof = paint
    if rng.random() < 0.22:
        roof = _TRIM
    glasshouse = b.loft(low, high, _shade(paint, 0.75), top=roof)
    for side in (0, 2):
        for span in ((0.10, 0.33), (0.36, 0.62), (0.65, 0.93)):
            across = span if side == 0 else (1 - span[1], 1 - span[0])
            b.panel(glasshouse[side], across, (0.10, 0.90), _GLASS)
    b.panel(glasshouse[1], (0.04, 0.96), (0.05, 0.95), _GLASS)
    b.panel(glasshouse[3], (0.08, 0.92), (0.12, 0.92), _GLASS)
    if style in ("estate", "suv") and rng.random() < 0.5:  # roof rails
        for side in (-1, 1):
            y = side * (half - 0.32)
            b.face(
                [
                    [roof_rear, y - 0.03, height],
                    [roof_front, y - 0.03, height],
                    [roof_front, y + 0.03, height],
                    [roof_rear, y + 0.03, height],
                ],
                (0.25, 0.25, 0.25),
                Material.MATT,
            )
    if rng.random() < 0.12:  # a sunroof
        middle = (roof_front + roof_rear) / 2
        b.face(
            [
                [middle - 0.5, -0.4, height],
                [middle + 0.45, -0.4, height],
                [middle + 0.45, 0.4, height],
                [middle - 0.5, 0.4, height],
            ],
            _GLASS,
            Material.GLASS,
        )
    return b.build()


def _van(rng: np.random.Generator) -> Mesh:
    length, half = rng.uniform(4.9, 6.0), rng.uniform(1.9, 2.05) / 2
    height = rng.uniform(1.95, 2.6)
    paint = _paint(rng) if rng.random() < 0.5 else _vary(rng, (0.84, 0.85, 0.85))
    rear, front = -length / 2, length / 2
    b = MeshBuilder()
    bumper = ring(rear, front, half, 0.25, (0.25, 0.22))
    belt = ring(rear, front - 0.05, half, (1.05, 0.85), (0.25, 0.22))
    sides = b.loft(bumper, belt, paint)
    b.panel(sides[2], (0.15, 0.85), (0.1, 0.6), _TRIM, Material.MATT)
    for corner in (1, 3):
        b.panel(sides[corner], (0.05, 0.95), (0.55, 0.95), _LAMP, Material.HEAD_LAMP)
    for corner in (5, 7):
        b.panel(sides[corner], (0.05, 0.95), (0.5, 0.98), _TAIL, Material.TAIL_LAMP)
    b.panel(sides[6], (0.3, 0.7), (0.3, 0.5), (0.75, 0.75, 0.75), Material.MATT)
    b.wheels((rear + 0.2 * length, front - 0.17 * length), half + 0.005, 0.35)
    nose = front - rng.uniform(0.55, 0.9)
    waist = ring(rear, nose, half, 1.08)
    b.loft(ring(rear, front - 0.05, half - 0.03, (1.05, 0.85)), waist, paint)
    high = ring(rear + 0.08, nose - rng.uniform(0.5, 0.8), half - 0.12, height)
    body = b.loft(waist, high, paint)
    b.panel(body[1], (0.06, 0.94), (0.06, 0.80), _GLASS)
    windows = [(0.74, 0.93)]
    if rng.random() < 0.5:
        windows += [(0.05, 0.26), (0.29, 0.49), (0.52, 0.71)]
    for side in (0, 2):
        for span in windows:
            across = span if side == 0 else (1 - span[1], 1 - span[0])
            b.panel(body[side], across, (0.12, 0.66), _GLASS)
    for span in ((0.08, 0.48), (0.52, 0.92)):
        b.panel(body[3], span, (0.2, 0.68), _GLASS)
    return b.build()


def _truck(rng: np.random.Generator) -> Mesh:
    length, half = rng.uniform(6.5, 12.0), rng.uniform(2.25, 2.5) / 2
    rear, front = -length / 2, length / 2
    cab_length, cab_height = rng.uniform(1.7, 2.2), rng.uniform(2.4, 3.1)
    style = str(rng.choice(["box", "tipper", "flat", "tank"], p=[0.6, 0.16, 0.14, 0.1]))
    cab_paint = _paint(rng)
    load = _vary(rng, _LOADS[int(rng.integers(len(_LOADS)))])
    bed_end = front - cab_length - 0.25
    b = MeshBuilder()
    chassis = b.loft(
        ring(rear, front - 0.3, half - 0.12, 0.45),
        ring(rear, front - 0.3, half - 0.12, 1.0),
        (0.12, 0.12, 0.12),
        material=Material.MATT,
    )
    for span in ((0.0, 0.25), (0.75, 1.0)):
        b.panel(chassis[3], span, (0.5, 0.9), _TAIL, Material.TAIL_LAMP)
    axles = [rear + 0.16 * length, front - 1.2]
    if length > 9:
        axles.insert(1, rear + 0.16 * length + 1.3)
    b.wheels(axles, half - 0.02, 0.48)
    if style == "tank":
        low, middle = ring(rear, bed_end, 0.5, 1.0), ring(rear, bed_end, half, 1.7)
        upper, top = ring(rear, bed_end, half - 0.1, 2.5), ring(rear, bed_end, 0.6, 2.95)
        b.loft(low, middle, load)
        b.loft(middle, upper, load)
        b.loft(upper, top, load)
    else:
        height = {"box": rng.uniform(2.9, 3.8), "tipper": 2.3, "flat": 1.35}[style]
        floor, rim = ring(rear, bed_end, half, 1.0), ring(rear, bed_end, half, height)
        inside = {"box": load, "tipper": (0.20, 0.26, 0.32), "flat": (0.30, 0.38, 0.45)}[style]
        box = b.loft(floor, rim, load, top=_vary(rng, inside))
        if style == "box" and rng.random() < 0.5:
            for side in (0, 2):
                b.panel(
                    box[side],
                    (0.25, 0.75),
                    (0.35, 0.7),
                    _vary(rng, _LOADS[int(rng.integers(len(_LOADS)))]),
                    Material.MATT,
                )
        if style == "box":
            for span in ((0.04, 0.49), (0.51, 0.96)):
                b.panel(box[3], span, (0.05, 0.95), _shade(load, 0.9), Material.PAINT)
        if style == "tipper":
            b.face(
                ring(rear + 0.15, bed_end - 0.15, half - 0.15, height),
                _vary(rng, inside),
                Material.MATT,
            )
        if style == "flat" and rng.random() < 0.6:
            cargo = _vary(rng, _LOADS[int(rng.integers(len(_LOADS)))])
            reach = rng.uniform(0.4, 0.95) * (bed_end - rear)
            b.loft(
                ring(rear + 0.1, rear + reach, half - 0.2, height),
                ring(rear + 0.1, rear + reach, half - 0.2, height + rng.uniform(0.4, 1.2)),
                cargo,
            )
    b.group = 1
    cab = b.loft(
        ring(front - cab_length, front, half - 0.02, 0.5),
        ring(front - cab_length, front - 0.03, half - 0.02, 1.5),
        cab_paint,
    )
    b.panel(cab[1], (0.25, 0.75), (0.15, 0.7), _TRIM, Material.MATT)
    for span in ((0.02, 0.2), (0.8, 0.98)):
        b.panel(cab[1], span, (0.05, 0.3), _LAMP, Material.HEAD_LAMP)
    upper_cab = b.loft(
        ring(front - cab_length, front - 0.03, half - 0.02, 1.5),
        ring(front - cab_length, front - 0.3, half - 0.1, cab_height),
        cab_paint,
    )
    b.panel(upper_cab[1], (0.05, 0.95), (0.02, 0.78), _GLASS)
    b.panel(upper_cab[0], (0.35, 0.92), (0.05, 0.70), _GLASS)
    b.panel(upper_cab[2], (0.08, 0.65), (0.05, 0.70), _GLASS)
    b.wheels([front - 1.2], half, 0.48)
    return b.build()


def _bus(rng: np.random.Generator) -> Mesh:
    length, half = rng.uniform(9.8, 12.6), 2.5 / 2
    height = rng.uniform(2.95, 3.3)
    rear, front = -length / 2, length / 2
    paint = _vary(rng, _LIVERIES[int(rng.integers(len(_LIVERIES)))])
    second = paint if rng.random() < 0.5 else _vary(rng, (0.84, 0.85, 0.85))
    b = MeshBuilder()
    low = ring(rear, front, half, 0.3)
    belt = ring(rear, front, half, 1.25)
    sides = b.loft(low, belt, paint)
    b.panel(sides[1], (0.2, 0.8), (0.1, 0.45), _TRIM, Material.MATT)
    for span in ((0.02, 0.16), (0.84, 0.98)):
        b.panel(sides[1], span, (0.2, 0.5), _LAMP, Material.HEAD_LAMP)
        b.panel(sides[3], span, (0.4, 0.85), _TAIL, Material.TAIL_LAMP)
    b.panel(sides[3], (0.25, 0.75), (0.1, 0.6), _shade(paint, 0.5), Material.MATT)
    b.wheels((rear + 0.24 * length, front - 0.2 * length), half + 0.005, 0.48)
    upper = b.loft(
        belt,
        ring(rear + 0.05, front - 0.12, half - 0.06, height),
        second,
        top=_vary(rng, (0.78, 0.79, 0.79)) if rng.random() < 0.6 else paint,
    )
    count = int(rng.integers(6, 9))
    for side in (0, 2):
        for i in range(count):
            span = ((i + 0.06) / count, (i + 0.94) / count)
            b.panel(upper[side], span, (0.06, 0.68), _GLASS)
    b.panel(upper[1], (0.03, 0.97), (0.02, 0.78), _GLASS)
    b.panel(upper[1], (0.2, 0.8), (0.82, 0.94), _AMBER, Material.MATT)
    b.panel(upper[3], (0.12, 0.88), (0.15, 0.68), _GLASS)
    for x in [rear + 0.2 * length] if rng.random() < 0.4 else [rear + 0.2 * length, 0.25 * front]:
        unit = ring(x, x + 1.9, half - 0.4, height)
        b.loft(
            unit,
            ring(x + 0.1, x + 1.8, half - 0.5, height + 0.22),
            _vary(rng, (0.66, 0.67, 0.67)),
            material=Material.MATT,
        )
    return b.build()
