"""Solid shapes of flat convex faces, and the builder that assembles them.

Local coordinates are metres: x forward, y left, z up, the origin on the ground below the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from stages.records import BoolArray, Float64Array, Int64Array
from stages.scene.palette import Color

Pose = tuple[float, float, float]  # x, y in metres and heading in radians, 0 east

_TYRE: Color = (0.03, 0.03, 0.03)
_HUB: Color = (0.35, 0.34, 0.33)


class Material(IntEnum):
    """How a face responds to light."""

    PAINT = 0
    GLASS = 1
    MATT = 2
    HEAD_LAMP = 3
    TAIL_LAMP = 4


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A shape.

    Attributes:
        vertices: ``(V, 3)``; each face's vertices lie together, shared ones are repeated.
        starts: ``(F + 1,)`` index at which each face's vertices begin.
        normals: ``(F, 3)`` outward.
        colors: ``(F, 3)``.
        materials: ``(F,)`` values of `Material`.
        in_front: ``(F,)`` bool, whether a face belongs to the front part of a long vehicle that has
            two. Within a part, faces are painted in order; the nearer part is painted last.
        size: Length, width and height of the bounding box in metres.
    """

    vertices: Float64Array
    starts: Int64Array
    normals: Float64Array
    colors: Float64Array
    materials: Int64Array
    in_front: BoolArray
    size: tuple[float, float, float]


class Placed(NamedTuple):
    """A stationary shape and its pose."""

    mesh: Mesh
    pose: Pose


class MeshBuilder:
    """Collects faces in the order in which they are painted.

    Attributes:
        in_front: Whether faces added from now on belong to the front of two parts.
    """

    def __init__(self) -> None:
        self._faces: list[Float64Array] = []
        self._colors: list[Color] = []
        self._materials: list[Material] = []
        self._in_front: list[bool] = []
        self.in_front = False

    def face(self, points: Float64Array, color: Color, material: Material = Material.PAINT) -> None:
        """Adds a convex polygon ``(n, 3)``, counter-clockwise as seen from outside."""
        self._faces.append(points)
        self._colors.append(color)
        self._materials.append(material)
        self._in_front.append(self.in_front)

    def loft(
        self,
        low: Float64Array,
        high: Float64Array,
        color: Color,
        *,
        top: Color | None = None,
        material: Material = Material.PAINT,
    ) -> list[Float64Array]:
        """Adds the sides between two rings ``(n, 3)``, counter-clockwise from above, and the top.

        Returns:
            The side quads, in the rings' order, for `panel`.
        """
        quads = []
        for i in range(len(low)):
            j = (i + 1) % len(low)
            quads.append(np.stack([low[i], low[j], high[j], high[i]]))
            self.face(quads[-1], color, material)
        self.face(high, top or color, material)
        return quads

    def stack(
        self, rings: Sequence[Float64Array], color: Color, material: Material = Material.PAINT
    ) -> None:
        """Adds lofts of one colour from each ring to the next above it."""
        for low, high in pairwise(rings):
            self.loft(low, high, color, material=material)

    def box(
        self,
        x: tuple[float, float],
        half_width: float,
        z: tuple[float, float],
        color: Color,
        *,
        y: float = 0.0,
        top: Color | None = None,
        material: Material = Material.MATT,
    ) -> list[Float64Array]:
        """Adds an upright box from rear to front ``x`` and bottom to top ``z``, centred at ``y``.

        Returns:
            The side quads: right, front, left, rear.
        """
        aside = np.array([0.0, y, 0.0])
        low, high = (ring(*x, half_width, level) + aside for level in z)
        return self.loft(low, high, color, top=top, material=material)

    def panel(
        self,
        quad: Float64Array,
        across: tuple[float, float],
        up: tuple[float, float],
        color: Color,
        material: Material = Material.GLASS,
    ) -> None:
        """Adds a window, lamp or plate that spans shares of a side quad's width and height."""
        a, b, c, d = quad
        (left, right), (low, high) = across, up
        corners = [
            (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
            for u, v in ((left, low), (right, low), (right, high), (left, high))
        ]
        self.face(np.stack(corners), color, material)

    def side_windows(
        self,
        sides: Sequence[Float64Array],
        spans: Sequence[tuple[float, float]],
        up: tuple[float, float],
        color: Color,
    ) -> None:
        """Adds windows to both sides of a four-cornered loft; ``spans`` run from the rear."""
        for rear, front in spans:
            self.panel(sides[0], (rear, front), up, color)
        for rear, front in spans:
            self.panel(sides[2], (1 - front, 1 - rear), up, color)

    def mirrors(
        self, at: tuple[float, float, float], width: float, height: float, color: Color
    ) -> None:
        """Adds flat, two-sided wing mirrors; ``at`` is the left one's inner lower corner."""
        x, inner, z = at
        for side in (-1, 1):
            near, far = side * inner, side * inner + side * width
            mirror = np.array(
                [[x, near, z], [x, far, z], [x, far, z + height], [x, near, z + height]]
            )
            self.face(mirror, color)
            self.face(mirror[::-1], color)

    def wheels(self, axles: Sequence[float], half_width: float, radius: float) -> None:
        """Adds wheels on both sides, with axles at the given x."""
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        for x in axles:
            for side in (-1, 1):
                # From outside, the left side's x runs the other way.
                turn = angle * -side
                for share, color in ((1.0, _TYRE), (0.58, _HUB)):
                    disc = np.column_stack(
                        [
                            x + share * radius * np.cos(turn),
                            np.full(len(angle), side * half_width),
                            radius + share * radius * np.sin(turn),
                        ]
                    )
                    self.face(disc, color, Material.MATT)

    def build(self) -> Mesh:
        """Returns the finished shape."""
        vertices = np.concatenate(self._faces)
        starts = np.cumsum([0] + [len(face) for face in self._faces])
        extent = vertices.max(axis=0) - vertices.min(axis=0)
        return Mesh(
            vertices=vertices,
            starts=starts.astype(np.int64),
            normals=_normals(vertices, starts),
            colors=np.array(self._colors, dtype=np.float64),
            materials=np.array(self._materials, dtype=np.int64),
            in_front=np.array(self._in_front),
            size=(float(extent[0]), float(extent[1]), float(extent[2])),
        )


def _normals(vertices: Float64Array, starts: Int64Array) -> Float64Array:
    """Returns the normals of all faces at once, by Newell's method."""
    following = np.arange(1, len(vertices) + 1)
    following[starts[1:] - 1] = starts[:-1]
    normals = np.add.reduceat(np.cross(vertices, vertices[following]), starts[:-1])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def ring(
    rear: float,
    front: float,
    half_width: float,
    z: float | tuple[float, float],
    chamfer: tuple[float, float] = (0.0, 0.0),
) -> Float64Array:
    """Returns a ring of four corners, or of eight if ``chamfer`` cuts them off.

    Args:
        rear: x of the rear.
        front: x of the front.
        half_width: Half the width.
        z: Height, or the heights of the rear and the front.
        chamfer: How much is cut off the corners, along x and along y.

    Returns:
        ``(4, 3)`` or ``(8, 3)``, counter-clockwise from above. Sides in order with four corners:
        right, front, left, rear.
    """
    low, high = z if isinstance(z, tuple) else (z, z)
    w, (cx, cy) = half_width, chamfer
    if not cx:
        flat = [(rear, -w, low), (front, -w, high), (front, w, high), (rear, w, low)]
    else:
        flat = [
            (rear + cx, -w, low),
            (front - cx, -w, high),
            (front, -w + cy, high),
            (front, w - cy, high),
            (front - cx, w, high),
            (rear + cx, w, low),
            (rear, w - cy, low),
            (rear, -w + cy, low),
        ]
    return np.array(flat, dtype=np.float64)
