"""Who is on the road but no vehicle of the ground truth: riders, cargo tricycles, people.

A detector takes them for cars where it has not seen them; scenes to train on have many.
"""

from __future__ import annotations

import numpy as np

from stages.decoder.scene.mesh import Colour, Material, Mesh, MeshBuilder, ring

_DARK: Colour = (0.10, 0.10, 0.11)
_SKIN: Colour = (0.38, 0.46, 0.62)
_CLOTHES: tuple[Colour, ...] = (
    (0.10, 0.10, 0.11),
    (0.30, 0.28, 0.27),
    (0.48, 0.22, 0.12),
    (0.30, 0.16, 0.10),
    (0.15, 0.13, 0.55),
    (0.78, 0.78, 0.77),
    (0.55, 0.56, 0.58),
    (0.15, 0.50, 0.78),
    (0.30, 0.40, 0.25),
    (0.45, 0.35, 0.70),
)
_BRIGHT: tuple[Colour, ...] = (
    (0.14, 0.12, 0.78),
    (0.10, 0.62, 0.88),
    (0.78, 0.32, 0.10),
    (0.55, 0.15, 0.45),
    (0.30, 0.60, 0.20),
    (0.62, 0.42, 0.85),
    (0.10, 0.42, 0.90),
    (0.75, 0.70, 0.35),
)


def make_rider(rng: np.random.Generator, rain: bool) -> Mesh:
    """Somebody on a bicycle or scooter, with a cape in the rain and at times without."""
    b = MeshBuilder()
    half_length = rng.uniform(0.8, 1.0)
    scooter = rng.random() < 0.7
    b.wheels((-half_length + 0.28, half_length - 0.28), 0.06, 0.27 if scooter else 0.33)
    body = _pick(rng, _BRIGHT) if rng.random() < 0.4 else _pick(rng, _CLOTHES)
    if scooter:
        _box(b, (-half_length + 0.2, 0.15), 0.15, (0.35, 0.78), body)
        _box(b, (-0.1, half_length - 0.5), 0.13, (0.25, 0.36), body)
        _box(b, (half_length - 0.55, half_length - 0.38), 0.19, (0.3, 1.0), body)
    else:
        _box(b, (-half_length + 0.3, half_length - 0.35), 0.03, (0.45, 0.65), body)
    if rng.random() < 0.35:  # what is delivered, or a child
        height = rng.uniform(0.3, 0.55)
        _box(
            b,
            (-half_length, -half_length + 0.5),
            0.24,
            (0.8, 0.8 + height),
            _pick(rng, _BRIGHT),
        )
    if rng.random() < 0.15:
        _torso(b, rng, -0.45, 0.75, 1.55, _pick(rng, _CLOTHES))
    if rng.random() < (0.75 if rain else 0.15):
        _cape(b, rng, half_length)
    else:
        b.loft(  # thighs and shins before the seat
            ring(-0.05, 0.35, 0.17, 0.35),
            ring(-0.15, 0.28, 0.19, 0.85),
            _pick(rng, _CLOTHES[:4]),
            material=Material.MATT,
        )
        _torso(b, rng, -0.08, 0.8, 1.6, _pick(rng, _CLOTHES))
        for side in (-1, 1):  # arms to the handlebar
            _box(b, (0.0, half_length - 0.4), 0.05, (1.02, 1.12), body, y=side * 0.24)
    _box(b, (half_length - 0.5, half_length - 0.42), 0.31, (1.0, 1.06), _DARK)
    return b.build()


def make_tricycle(rng: np.random.Generator) -> Mesh:
    """A cargo tricycle: its load behind, its rider before it, at times under a roof."""
    b = MeshBuilder()
    length, half = rng.uniform(2.3, 3.2), rng.uniform(0.42, 0.62)
    rear, front = -length / 2, length / 2
    bed = front - rng.uniform(1.1, 1.4)
    colour = _pick(rng, _BRIGHT) if rng.random() < 0.7 else _pick(rng, _CLOTHES)
    b.wheels((rear + 0.55,), half, 0.28)
    closed = rng.random() < 0.45
    top = rng.uniform(1.25, 1.75) if closed else rng.uniform(0.75, 0.95)
    floor = ring(rear, bed, half, 0.45)
    b.loft(floor, ring(rear, bed, half, top), colour, top=colour if closed else (0.2, 0.24, 0.28))
    if not closed and rng.random() < 0.75:
        for _ in range(int(rng.integers(1, 4))):
            start = rng.uniform(rear, bed - 0.5)
            tone = rng.uniform(0.25, 0.8)
            load = (0.55 * tone, 0.75 * tone, tone) if rng.random() < 0.6 else _pick(rng, _BRIGHT)
            _box(
                b,
                (start, min(bed, start + rng.uniform(0.4, 1.2))),
                half * rng.uniform(0.5, 1.0),
                (top - 0.1, top + rng.uniform(0.15, 0.8)),
                load,
            )
    b.group = 1
    b.wheels((front - 0.3,), 0.06, 0.28)
    _box(b, (bed, front - 0.5), 0.12, (0.4, 0.55), colour)
    _box(b, (bed, bed + 0.35), 0.2, (0.5, 0.78), _DARK)
    _torso(b, rng, bed + 0.25, 0.75, 1.55, _pick(rng, _BRIGHT + _CLOTHES))
    _box(b, (front - 0.5, front - 0.35), 0.2 if not closed else 0.45, (0.45, 1.0), colour)
    if closed and rng.random() < 0.4:
        b.loft(
            ring(bed - 0.1, front - 0.3, half, 1.62),
            ring(bed - 0.1, front - 0.3, half, 1.7),
            colour,
        )
    return b.build()


def make_person(rng: np.random.Generator, rain: bool) -> Mesh:
    """Somebody on foot, in the rain often under an umbrella."""
    b = MeshBuilder()
    height = rng.uniform(1.45, 1.88)
    hip = 0.47 * height
    stride = rng.uniform(0.05, 0.22)
    legs = _pick(rng, _CLOTHES[:6])
    for side, x in ((-1, stride), (1, -stride)):
        b.loft(
            ring(x - 0.08, x + 0.12, 0.07, 0.0) + np.array([0, side * 0.09, 0]),
            ring(-0.09, 0.09, 0.09, hip) + np.array([0, side * 0.08, 0]),
            legs,
            material=Material.MATT,
        )
    _torso(b, rng, 0.0, hip, height, _pick(rng, _CLOTHES + _BRIGHT[:3]))
    if rng.random() < (0.6 if rain else 0.05):
        low, high = height + 0.05, height + 0.3
        angle = np.linspace(0, 2 * np.pi, 9)[:-1]
        circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(8)])
        b.loft(
            0.55 * circle + np.array([0.1, 0, low]),
            0.12 * circle + np.array([0.1, 0, high]),
            _pick(rng, _BRIGHT + _CLOTHES),
            material=Material.MATT,
        )
    return b.build()


def _cape(b: MeshBuilder, rng: np.random.Generator, half_length: float) -> None:
    colour = _pick(rng, _BRIGHT)
    hem, shoulders = (0.1, 0.15), (0.06, 0.1)
    b.loft(
        ring(-0.45, half_length - 0.35, 0.36, (0.5, 0.75), hem),
        ring(-0.25, half_length - 0.5, 0.32, (1.0, 0.98), hem),
        colour,
    )
    b.loft(
        ring(-0.25, half_length - 0.5, 0.32, (1.0, 0.98), hem),
        ring(-0.2, 0.08, 0.17, 1.4, shoulders),
        colour,
    )
    hood = colour if rng.random() < 0.6 else (0.75, 0.76, 0.77)
    b.loft(
        ring(-0.2, 0.06, 0.11, 1.4, (0.05, 0.05)),
        ring(-0.14, 0.02, 0.08, 1.66, (0.05, 0.05)),
        hood,
    )


def _torso(
    b: MeshBuilder, rng: np.random.Generator, x: float, hip: float, top: float, shirt: Colour
) -> None:
    neck = top - 0.26
    b.loft(
        ring(x - 0.11, x + 0.11, 0.17, hip, (0.05, 0.06)),
        ring(x - 0.12, x + 0.12, 0.23, neck - 0.08, (0.06, 0.08)),
        shirt,
        material=Material.MATT,
    )
    b.loft(
        ring(x - 0.12, x + 0.12, 0.23, neck - 0.08, (0.06, 0.08)),
        ring(x - 0.06, x + 0.06, 0.08, neck + 0.03, (0.03, 0.03)),
        shirt,
        material=Material.MATT,
    )
    head: Colour = _DARK if rng.random() < 0.65 else _SKIN
    if rng.random() < 0.15:
        head = _pick(rng, _BRIGHT)
    b.loft(
        ring(x - 0.09, x + 0.10, 0.085, neck + 0.02, (0.04, 0.04)),
        ring(x - 0.08, x + 0.08, 0.07, top, (0.04, 0.04)),
        head,
        material=Material.MATT,
    )


def _box(
    b: MeshBuilder,
    x: tuple[float, float],
    half_width: float,
    z: tuple[float, float],
    colour: Colour,
    y: float = 0.0,
) -> None:
    aside = np.array([0.0, y, 0.0])
    b.loft(
        ring(x[0], x[1], half_width, z[0]) + aside,
        ring(x[0], x[1], half_width, z[1]) + aside,
        colour,
        material=Material.MATT,
    )


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    gain = float(rng.uniform(0.8, 1.15))
    b, g, r = colours[int(rng.integers(len(colours)))]
    return (min(b * gain, 0.95), min(g * gain, 0.95), min(r * gain, 0.95))
