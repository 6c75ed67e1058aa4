"""The colours of a scene's objects, and how they are drawn at random.

Where two tables are alike, one is for the plain objects of the demo and one for the detailed
objects of varied scenes; their numbers differ on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from stages.records import Float64Array

Color = tuple[float, float, float]  # blue, green, red in 0..1
Shares = tuple[tuple[float, Color], ...]  # relative frequencies and colours

_T = TypeVar("_T")

GLASS: Color = (0.13, 0.115, 0.10)
CITY_BUS_GLASS: Color = (0.12, 0.11, 0.10)
TRIM: Color = (0.06, 0.06, 0.06)
HEAD_LAMP: Color = (0.82, 0.84, 0.85)
DETAILED_HEAD_LAMP: Color = (0.80, 0.82, 0.83)
TAIL_LAMP: Color = (0.10, 0.08, 0.55)
AMBER: Color = (0.05, 0.35, 0.75)  # a bus's destination sign
WHITE: Color = (0.84, 0.85, 0.85)
ROOF_UNIT: Color = (0.66, 0.67, 0.67)
LAMP_POST: Color = (0.45, 0.45, 0.44)
DARK_HAIR: Color = (0.10, 0.10, 0.11)
SKIN: Color = (0.38, 0.46, 0.62)

PAINTS: Shares = (  # as in car sales
    (0.26, WHITE),
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
DULL_PAINTS: Shares = (  # more black, grey and silver than in sales, as detectors miss these
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
PLATES: Shares = (
    (0.50, (0.60, 0.25, 0.08)),
    (0.35, (0.80, 0.80, 0.80)),
    (0.15, (0.10, 0.62, 0.80)),
)
TAXIS: tuple[tuple[Color, Color], ...] = (  # below and above the waist
    ((0.10, 0.55, 0.82), (0.30, 0.40, 0.12)),
    ((0.10, 0.55, 0.82), (0.55, 0.30, 0.12)),
    ((0.10, 0.55, 0.82), (0.14, 0.12, 0.50)),
    ((0.08, 0.62, 0.85), (0.08, 0.62, 0.85)),
    ((0.40, 0.50, 0.20), (0.75, 0.76, 0.76)),
)
BUS_LIVERIES: tuple[Color, ...] = (
    (0.12, 0.12, 0.66),
    (0.62, 0.34, 0.12),
    (0.30, 0.55, 0.18),
    (0.10, 0.62, 0.84),
    WHITE,
    (0.62, 0.60, 0.22),
)
CITY_BUS_LIVERIES: tuple[tuple[Color, Color], ...] = (  # below and above the windows
    ((0.62, 0.28, 0.10), (0.08, 0.66, 0.88)),
    ((0.08, 0.62, 0.86), (0.08, 0.62, 0.86)),
    ((0.12, 0.12, 0.66), WHITE),
    ((0.12, 0.12, 0.62), (0.12, 0.12, 0.62)),
    ((0.30, 0.52, 0.18), WHITE),
    ((0.30, 0.55, 0.18), (0.30, 0.55, 0.18)),
    (WHITE, WHITE),
    ((0.60, 0.36, 0.14), WHITE),
    ((0.60, 0.60, 0.22), WHITE),
    ((0.25, 0.24, 0.23), (0.70, 0.70, 0.70)),
    ((0.12, 0.42, 0.80), (0.80, 0.82, 0.84)),
)
LOADS: tuple[Color, ...] = (
    (0.86, 0.86, 0.86),
    (0.72, 0.74, 0.74),
    (0.55, 0.30, 0.14),
    (0.14, 0.14, 0.62),
    (0.22, 0.44, 0.20),
    (0.14, 0.52, 0.82),
    (0.36, 0.36, 0.36),
)
PLAIN_CLOTHES: tuple[Color, ...] = (
    (0.12, 0.12, 0.12),
    (0.55, 0.25, 0.15),
    (0.15, 0.15, 0.65),
    (0.75, 0.75, 0.75),
    (0.15, 0.55, 0.80),
    (0.30, 0.40, 0.25),
)
CLOTHES: tuple[Color, ...] = (
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
BRIGHT: tuple[Color, ...] = (  # capes, umbrellas, scooters
    (0.14, 0.12, 0.78),
    (0.10, 0.62, 0.88),
    (0.78, 0.32, 0.10),
    (0.55, 0.15, 0.45),
    (0.30, 0.60, 0.20),
    (0.62, 0.42, 0.85),
    (0.10, 0.42, 0.90),
    (0.75, 0.70, 0.35),
)
FURNITURE: tuple[Color, ...] = (
    (0.82, 0.83, 0.83),
    (0.50, 0.50, 0.49),
    (0.20, 0.20, 0.20),
    (0.15, 0.13, 0.60),
    (0.55, 0.30, 0.14),
    (0.25, 0.45, 0.20),
    (0.12, 0.50, 0.80),
    (0.35, 0.42, 0.50),
)
LEAVES: tuple[Color, ...] = (
    (0.10, 0.27, 0.16),
    (0.12, 0.33, 0.22),
    (0.12, 0.30, 0.34),
    (0.16, 0.25, 0.22),
)
WALLS: tuple[Color, ...] = (
    (0.50, 0.56, 0.62),
    (0.34, 0.40, 0.55),
    (0.66, 0.68, 0.70),
    (0.42, 0.44, 0.46),
    (0.55, 0.62, 0.70),
    (0.40, 0.38, 0.36),
    (0.28, 0.32, 0.44),
)
SHOP_SIGNS: tuple[Color, ...] = (
    (0.20, 0.18, 0.55),
    (0.55, 0.32, 0.16),
    (0.25, 0.45, 0.22),
    (0.15, 0.50, 0.75),
    (0.70, 0.70, 0.70),
    (0.12, 0.12, 0.12),
)


def gray(level: float) -> Color:
    """Returns a grey."""
    return (level, level, level)


def scaled(color: Color, gain: float) -> Color:
    """Returns a colour made darker or brighter."""
    return (color[0] * gain, color[1] * gain, color[2] * gain)


def saturate(colors: Float64Array, factor: float) -> Float64Array:
    """Returns colours ``(..., 3)`` moved away from or towards grey."""
    gray = colors.mean(axis=-1, keepdims=True)
    return np.clip(gray + (colors - gray) * factor, 0.0, 1.0)


def pick(rng: np.random.Generator, choices: Sequence[_T]) -> _T:
    """Returns one of ``choices``, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def pick_share(rng: np.random.Generator, shares: Shares) -> Color:
    """Returns a colour, drawn in proportion to its share."""
    weights = np.array([share for share, _ in shares])
    return shares[int(rng.choice(len(shares), p=weights / weights.sum()))][1]


def vary(
    rng: np.random.Generator, color: Color, *, gain: float = 0.1, cast: float = 0.012
) -> Color:
    """Returns a colour near ``color``.

    Args:
        rng: Source of randomness.
        color: The colour.
        gain: Standard deviation of its brightness, as a share.
        cast: Standard deviation of the offset added to each channel.
    """
    drawn = np.array(color) * rng.normal(1, gain) + rng.normal(0, cast, 3)
    b, g, r = np.clip(drawn, 0.03, 0.95)
    return (float(b), float(g), float(r))
