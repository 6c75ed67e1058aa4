"""People on foot and on two or three wheels, who are not vehicles in the ground truth.

The demo has plain ones. Varied scenes have many detailed ones, since a detector that was not
trained on them mistakes them for cars.
"""

from __future__ import annotations

import numpy as np

from stages.scene import palette
from stages.scene.mesh import Material, Mesh, MeshBuilder, ring
from stages.scene.palette import Color, gray, pick


def make_plain_person(rng: np.random.Generator) -> Mesh:
    """Returns a person on foot, 1.5 to 1.9 m tall."""
    height = rng.uniform(1.5, 1.9)
    b = MeshBuilder()
    _add_plain_body(b, rng, 0.0, 0.0, height, pick(rng, palette.PLAIN_CLOTHES[:2]))
    return b.build()


def make_plain_rider(rng: np.random.Generator) -> Mesh:
    """Returns a bicycle, scooter or motorcycle with its rider."""
    b = MeshBuilder()
    length, heavy = rng.uniform(1.7, 2.1), rng.random() < 0.6
    rear, front = -length / 2, length / 2
    half = 0.16 if heavy else 0.04
    b.wheels((rear + 0.3, front - 0.3), 0.05, 0.3)
    b.loft(
        ring(rear + 0.3, front - 0.35, half, 0.35),
        ring(rear + 0.3, front - 0.45, half, 0.8),
        pick(rng, palette.PLAIN_CLOTHES),
    )
    b.box((front - 0.6, front - 0.52), 0.3, (0.95, 1.05), gray(0.1))
    _add_plain_body(b, rng, -0.1, 0.65, 1.6, (0.14, 0.13, 0.13))
    return b.build()


def make_rider(rng: np.random.Generator, rain: bool) -> Mesh:
    """Returns a rider on a bicycle or scooter, usually in a cape in rain, seldom otherwise."""
    b = MeshBuilder()
    half_length = rng.uniform(0.8, 1.0)
    scooter = rng.random() < 0.7
    b.wheels((-half_length + 0.28, half_length - 0.28), 0.06, 0.27 if scooter else 0.33)
    body = _dyed(rng, palette.BRIGHT) if rng.random() < 0.4 else _dyed(rng, palette.CLOTHES)
    if scooter:
        b.box((-half_length + 0.2, 0.15), 0.15, (0.35, 0.78), body)
        b.box((-0.1, half_length - 0.5), 0.13, (0.25, 0.36), body)
        b.box((half_length - 0.55, half_length - 0.38), 0.19, (0.3, 1.0), body)
    else:
        b.box((-half_length + 0.3, half_length - 0.35), 0.03, (0.45, 0.65), body)
    if rng.random() < 0.35:  # a delivery, or a child
        height, rear = rng.uniform(0.3, 0.55), -half_length
        b.box((rear, rear + 0.5), 0.24, (0.8, 0.8 + height), _dyed(rng, palette.BRIGHT))
    if rng.random() < 0.15:
        _add_torso(b, rng, -0.45, 0.75, 1.55, _dyed(rng, palette.CLOTHES))
    if rng.random() < (0.75 if rain else 0.15):
        _add_cape(b, rng, half_length)
    else:
        b.loft(  # thighs and shins in front of the seat
            ring(-0.05, 0.35, 0.17, 0.35),
            ring(-0.15, 0.28, 0.19, 0.85),
            _dyed(rng, palette.CLOTHES[:4]),
            material=Material.MATT,
        )
        _add_torso(b, rng, -0.08, 0.8, 1.6, _dyed(rng, palette.CLOTHES))
        for side in (-1, 1):  # arms to the handlebar
            b.box((0.0, half_length - 0.4), 0.05, (1.02, 1.12), body, y=side * 0.24)
    b.box((half_length - 0.5, half_length - 0.42), 0.31, (1.0, 1.06), palette.DARK_HAIR)
    return b.build()


def make_tricycle(rng: np.random.Generator) -> Mesh:
    """Returns a cargo tricycle: load behind, rider in front, sometimes under a roof."""
    b = MeshBuilder()
    length, half = rng.uniform(2.3, 3.2), rng.uniform(0.42, 0.62)
    rear, front = -length / 2, length / 2
    bed = front - rng.uniform(1.1, 1.4)
    color = _dyed(rng, palette.BRIGHT) if rng.random() < 0.7 else _dyed(rng, palette.CLOTHES)
    b.wheels((rear + 0.55,), half, 0.28)
    closed = rng.random() < 0.45
    top = rng.uniform(1.25, 1.75) if closed else rng.uniform(0.75, 0.95)
    lid = color if closed else (0.2, 0.24, 0.28)
    b.box((rear, bed), half, (0.45, top), color, top=lid, material=Material.PAINT)
    if not closed and rng.random() < 0.75:
        for _ in range(int(rng.integers(1, 4))):
            start = rng.uniform(rear, bed - 0.5)
            tone = rng.uniform(0.25, 0.8)
            cardboard = (0.55 * tone, 0.75 * tone, tone)
            load = cardboard if rng.random() < 0.6 else _dyed(rng, palette.BRIGHT)
            b.box(
                (start, min(bed, start + rng.uniform(0.4, 1.2))),
                half * rng.uniform(0.5, 1.0),
                (top - 0.1, top + rng.uniform(0.15, 0.8)),
                load,
            )
    b.in_front = True
    b.wheels((front - 0.3,), 0.06, 0.28)
    b.box((bed, front - 0.5), 0.12, (0.4, 0.55), color)
    b.box((bed, bed + 0.35), 0.2, (0.5, 0.78), palette.DARK_HAIR)
    _add_torso(b, rng, bed + 0.25, 0.75, 1.55, _dyed(rng, palette.BRIGHT + palette.CLOTHES))
    b.box((front - 0.5, front - 0.35), 0.45 if closed else 0.2, (0.45, 1.0), color)
    if closed and rng.random() < 0.4:
        b.box((bed - 0.1, front - 0.3), half, (1.62, 1.7), color, material=Material.PAINT)
    return b.build()


def make_person(rng: np.random.Generator, rain: bool) -> Mesh:
    """Returns a person on foot, often under an umbrella in rain."""
    b = MeshBuilder()
    height = rng.uniform(1.45, 1.88)
    hip = 0.47 * height
    stride = rng.uniform(0.05, 0.22)
    legs = _dyed(rng, palette.CLOTHES[:6])
    for side, x in ((-1, stride), (1, -stride)):
        b.loft(
            ring(x - 0.08, x + 0.12, 0.07, 0.0) + np.array([0, side * 0.09, 0]),
            ring(-0.09, 0.09, 0.09, hip) + np.array([0, side * 0.08, 0]),
            legs,
            material=Material.MATT,
        )
    _add_torso(b, rng, 0.0, hip, height, _dyed(rng, palette.CLOTHES + palette.BRIGHT[:3]))
    if rng.random() < (0.6 if rain else 0.05):
        low, high = height + 0.05, height + 0.3
        angle = np.linspace(0, 2 * np.pi, 9)[:-1]
        circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(8)])
        b.loft(
            0.55 * circle + np.array([0.1, 0, low]),
            0.12 * circle + np.array([0.1, 0, high]),
            _dyed(rng, palette.BRIGHT + palette.CLOTHES),
            material=Material.MATT,
        )
    return b.build()


def _add_plain_body(
    b: MeshBuilder, rng: np.random.Generator, x: float, foot: float, top: float, legs: Color
) -> None:
    """Adds legs, trunk and head."""
    shirt = pick(rng, palette.PLAIN_CLOTHES)
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
    head: Color = (0.08, 0.08, 0.10) if rng.random() < 0.7 else (0.7, 0.7, 0.72)  # hair or helmet
    b.loft(
        ring(x - 0.10, x + 0.10, 0.09, neck, (0.04, 0.04)),
        ring(x - 0.08, x + 0.08, 0.07, top, (0.04, 0.04)),
        head,
        material=Material.MATT,
    )


def _add_cape(b: MeshBuilder, rng: np.random.Generator, half_length: float) -> None:
    color = _dyed(rng, palette.BRIGHT)
    hem, shoulders = (0.1, 0.15), (0.06, 0.1)
    rings = [
        ring(-0.45, half_length - 0.35, 0.36, (0.5, 0.75), hem),
        ring(-0.25, half_length - 0.5, 0.32, (1.0, 0.98), hem),
        ring(-0.2, 0.08, 0.17, 1.4, shoulders),
    ]
    b.stack(rings, color)
    b.loft(
        ring(-0.2, 0.06, 0.11, 1.4, (0.05, 0.05)),
        ring(-0.14, 0.02, 0.08, 1.66, (0.05, 0.05)),
        color if rng.random() < 0.6 else (0.75, 0.76, 0.77),
    )


def _add_torso(
    b: MeshBuilder, rng: np.random.Generator, x: float, hip: float, top: float, shirt: Color
) -> None:
    """Adds a person's trunk and head, from height ``hip`` to height ``top``."""
    neck = top - 0.26
    rings = [
        ring(x - 0.11, x + 0.11, 0.17, hip, (0.05, 0.06)),
        ring(x - 0.12, x + 0.12, 0.23, neck - 0.08, (0.06, 0.08)),
        ring(x - 0.06, x + 0.06, 0.08, neck + 0.03, (0.03, 0.03)),
    ]
    b.stack(rings, shirt, Material.MATT)
    head: Color = palette.DARK_HAIR if rng.random() < 0.65 else palette.SKIN
    if rng.random() < 0.15:
        head = _dyed(rng, palette.BRIGHT)
    b.loft(
        ring(x - 0.09, x + 0.10, 0.085, neck + 0.02, (0.04, 0.04)),
        ring(x - 0.08, x + 0.08, 0.07, top, (0.04, 0.04)),
        head,
        material=Material.MATT,
    )


def _dyed(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    """Returns one of ``colors``, slightly darker or brighter."""
    gain = rng.uniform(0.8, 1.15)
    b, g, r = pick(rng, colors)
    return (min(b * gain, 0.95), min(g * gain, 0.95), min(r * gain, 0.95))
