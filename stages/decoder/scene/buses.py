"""Buses as cities have them: short, long, and articulated, in two or three colours."""

from __future__ import annotations

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring

_GLASS: Colour = (0.12, 0.11, 0.10)
_LAMP: Colour = (0.82, 0.84, 0.85)
_TAIL: Colour = (0.10, 0.08, 0.55)
_AMBER: Colour = (0.05, 0.35, 0.75)
_HALF_WIDTH = 1.26
_LIVERIES: tuple[tuple[Colour, Colour], ...] = (  # below and above the windows
    ((0.62, 0.28, 0.10), (0.08, 0.66, 0.88)),
    ((0.08, 0.62, 0.86), (0.08, 0.62, 0.86)),
    ((0.12, 0.12, 0.66), (0.84, 0.85, 0.85)),
    ((0.12, 0.12, 0.62), (0.12, 0.12, 0.62)),
    ((0.30, 0.52, 0.18), (0.84, 0.85, 0.85)),
    ((0.30, 0.55, 0.18), (0.30, 0.55, 0.18)),
    ((0.84, 0.85, 0.85), (0.84, 0.85, 0.85)),
    ((0.60, 0.36, 0.14), (0.84, 0.85, 0.85)),
    ((0.60, 0.60, 0.22), (0.84, 0.85, 0.85)),
    ((0.25, 0.24, 0.23), (0.70, 0.70, 0.70)),
    ((0.12, 0.42, 0.80), (0.80, 0.82, 0.84)),
)


def make_city_bus(rng: np.random.Generator) -> Mesh:
    """A bus of 7 to 18.5 m; one in four is articulated, in one straight piece."""
    kind = str(rng.choice(["short", "long", "articulated"], p=[0.2, 0.55, 0.25]))
    low, high = {"short": (7.0, 9.0), "long": (10.5, 13.0), "articulated": (16.5, 18.5)}[kind]
    length, height = rng.uniform(low, high), rng.uniform(2.85, 3.3)
    rear, front = -length / 2, length / 2
    lower, upper = (_vary(rng, colour) for colour in _LIVERIES[int(rng.integers(len(_LIVERIES)))])
    b = MeshBuilder()
    if kind != "articulated":
        _section(b, rng, rear, front, height, (lower, upper), ends=(True, True))
        b.wheels((rear + 0.25 * length, front - 0.2 * length), _HALF_WIDTH + 0.005, 0.48)
        return b.build()
    joint = rear + 0.41 * length
    _section(b, rng, rear, joint - 0.5, height, (lower, upper), ends=(True, False))
    b.wheels((rear + 0.45 * (joint - rear),), _HALF_WIDTH + 0.005, 0.48)
    grey = float(rng.uniform(0.08, 0.3))
    for i in range(3):  # bellows
        start = joint - 0.5 + i / 3
        b.loft(
            ring(start, start + 0.3, _HALF_WIDTH - 0.08, 0.5),
            ring(start, start + 0.3, _HALF_WIDTH - 0.08, height - 0.08),
            (grey, grey, grey),
            material=Material.MATT,
        )
    b.group = 1
    _section(b, rng, joint + 0.5, front, height, (lower, upper), ends=(False, True))
    b.wheels((joint + 2.0, front - 2.6), _HALF_WIDTH + 0.005, 0.48)
    return b.build()


def _section(
    b: MeshBuilder,
    rng: np.random.Generator,
    rear: float,
    front: float,
    height: float,
    colours: tuple[Colour, Colour],
    ends: tuple[bool, bool],
) -> None:
    """One stiff body; ``ends`` says whether it has the bus's rear and its front."""
    lower, upper = colours
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
    band = b.loft(rings[1], rings[2], upper if rng.random() < 0.5 else _GLASS)
    count = max(2, round(span / rng.uniform(1.3, 1.8)))
    gap = rng.uniform(0.03, 0.1)
    for side in (0, 2):
        for i in range(count):
            b.panel(band[side], ((i + gap) / count, (i + 1 - gap) / count), (0.04, 0.97), _GLASS)
    for door in (0.12, 0.55):  # doors on the right, glazed to the floor
        x = 1 - door
        b.panel(skirt[0], (x - 1.2 / span, x), (0.1, 1.0), _GLASS)
    b.loft(rings[2], rings[3], upper)
    roof = b.loft(rings[3], rings[4], upper, top=_vary(rng, (0.76, 0.77, 0.77)))
    if ends[1]:
        b.panel(band[1], (0.03, 0.97), (0.0, 1.0), _GLASS)
        b.panel(roof[1], (0.15, 0.85), (0.0, 0.9), _AMBER, Material.MATT)
        b.panel(skirt[1], (0.3, 0.7), (0.05, 0.3), (0.07, 0.07, 0.07), Material.MATT)
        for edge in ((0.02, 0.17), (0.83, 0.98)):
            b.panel(skirt[1], edge, (0.25, 0.5), _LAMP, Material.HEAD_LAMP)
        for side in (-1, 1):  # mirrors
            _block(b, (front + 0.05, front + 0.15), side * (half + 0.12), 0.1, (1.7, 2.1))
    if ends[0]:
        if rng.random() < 0.7:
            b.panel(band[3], (0.1, 0.9), (0.1, 0.9), _GLASS)
        grille = (lower[0] * 0.5, lower[1] * 0.5, lower[2] * 0.5)
        b.panel(skirt[3], (0.22, 0.78), (0.1, 0.65), grille, Material.MATT)
        b.panel(skirt[3], (0.4, 0.6), (0.02, 0.1), (0.1, 0.6, 0.8), Material.MATT)
        for edge in ((0.02, 0.14), (0.86, 0.98)):
            b.panel(skirt[3], edge, (0.35, 0.85), _TAIL, Material.TAIL_LAMP)
    for _ in range(int(rng.integers(0, 3))):  # what is on the roof
        x = rng.uniform(rear + 0.5, max(front - 3.0, rear + 0.6))
        b.loft(
            ring(x, x + 1.9, half - 0.45, height),
            ring(x + 0.1, x + 1.8, half - 0.55, height + rng.uniform(0.1, 0.3)),
            _vary(rng, (0.66, 0.67, 0.67)),
            material=Material.MATT,
        )


def _block(
    b: MeshBuilder,
    x: tuple[float, float],
    y: float,
    half: float,
    z: tuple[float, float],
) -> None:
    aside = np.array([0.0, y, 0.0])
    b.loft(
        ring(x[0], x[1], half, z[0]) + aside,
        ring(x[0], x[1], half, z[1]) + aside,
        (0.06, 0.06, 0.06),
        material=Material.MATT,
    )


def _vary(rng: np.random.Generator, colour: Colour) -> Colour:
    b, g, r = np.clip(np.array(colour) * rng.normal(1, 0.1) + rng.normal(0, 0.015, 3), 0.03, 0.95)
    return (float(b), float(g), float(r))
