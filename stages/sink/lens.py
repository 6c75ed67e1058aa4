"""Lenses that bend straight lines, found from edges that are straight in reality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from stages.records import Float64Array
from stages.sink.places import Point, numbers

Edge: TypeAlias = tuple[Point, ...]
"""Pixels along an edge that is straight in reality, such as a kerb or a lane marking."""

_FORM = "a lens is {size: [width, height], straight: [[[x, y], [x, y], [x, y], …], …]}"
_MIN_POINTS = 3
_RANGE = -0.7, 0.4  # of the strength; at -0.7, the corners of a picture move by 2.3 half diagonals
_STEPS = 111
_REFINEMENTS = 5
_MAX_ERROR = 0.005  # distance of a point from its arc, as a share of the diagonal
_MAX_DOUBT = 0.03  # of the strength, if points are a pixel off


@dataclass(frozen=True, slots=True)
class LensEdges:
    """Straight edges in the frames of a camera whose lens bends them.

    Attributes:
        size: Width and height of the frames in pixels; the lens bends lines around their centre.
        straight: The edges.
    """

    size: tuple[int, int]
    straight: tuple[Edge, ...]


class _Line(NamedTuple):
    """The undistorted line through an edge: ``normal @ point = offset``, around the centre."""

    normal: Float64Array
    offset: float


class Lens:
    """The division model of a lens with one parameter (Fitzgibbon, 2001).

    A pixel at ``r`` half diagonals from the centre of the frame moves away from it by the factor
    ``1 / (1 + strength r²)``: a negative strength undoes the barrel distortion of wide lenses. The
    strength is that for which the edges are straightest (the plumb-line method): an edge becomes an
    arc of a circle in the frame, and the squared distances in pixels of its points from the arc are
    smallest.

    Args:
        edges: The edges.

    Raises:
        ValueError: An edge fits no lens, or the edges do not determine one.
    """

    def __init__(self, edges: LensEdges) -> None:
        size = np.array(edges.size, np.float64)
        self._center = size / 2
        self._radius = float(np.linalg.norm(self._center))
        around = [self._around_center(np.array(edge)) for edge in edges.straight]
        self.strength = _best_strength(around)
        self._check_fit(edges.straight, around)
        self._check_doubt(around)

    def undistorted(self, pixels: Float64Array) -> Float64Array:
        """Maps pixels ``(N, 2)`` to those of a lens without distortion; NaN far outside."""
        return self._in_frame(_undistorted(self._around_center(pixels), self.strength))

    def distorted(self, pixels: Float64Array) -> Float64Array:
        """Undoes `undistorted`: maps ``(N, 2)`` to pixels of the frame; NaN if there are none."""
        points = self._around_center(pixels)
        root = 1 - 4 * self.strength * (points**2).sum(axis=1, keepdims=True)
        root[root < 0] = np.nan
        return self._in_frame(2 * points / (1 + np.sqrt(root)))

    def curve(self, edge: Edge, count: int) -> Float64Array:
        """Returns ``(count, 2)`` pixels on the arc that fits an edge, end to end."""
        points = self._around_center(np.array(edge))
        normal, offset = _line(points, self.strength)
        direction = np.array([-normal[1], normal[0]])
        along = _undistorted(points, self.strength) @ direction
        steps = np.linspace(along.min(), along.max(), count)[:, None]
        return self.distorted(self._in_frame(offset * normal + steps * direction))

    def _around_center(self, pixels: Float64Array) -> Float64Array:
        return (pixels - self._center) / self._radius

    def _in_frame(self, points: Float64Array) -> Float64Array:
        return points * self._radius + self._center

    def _check_fit(self, edges: tuple[Edge, ...], around: list[Float64Array]) -> None:
        error = _worst_error(around, self.strength)
        if error <= _MAX_ERROR * 2:
            return
        message = (
            f"no lens makes the edges straight: a point is {error * self._radius:.1f} pixels off"
        )
        if len(edges) > 2:
            rests = [around[:k] + around[k + 1 :] for k in range(len(around))]
            errors = [_worst_error(rest, _best_strength(rest)) for rest in rests]
            x, y = edges[errors.index(min(errors))][0]
            message += f"; they agree best without the edge from [{x:g}, {y:g}]"
        raise ValueError(message)

    def _check_doubt(self, around: list[Float64Array]) -> None:
        step = 1e-4
        above, below = (
            np.concatenate([_errors(points, self.strength + each) for points in around])
            for each in (step, -step)
        )
        change = float(np.linalg.norm((above - below) / (2 * step)))
        if change * self._radius * _MAX_DOUBT < 1:
            raise ValueError(
                "the straight edges do not determine the lens: choose longer ones, far from the "
                "centre of the frame"
            )
        if not _RANGE[0] < self.strength < _RANGE[1]:
            raise ValueError("the edges are bent more than by any lens; are they straight?")


def _undistorted(points: Float64Array, strength: float) -> Float64Array:
    """Moves points ``(N, 2)`` away from the centre; NaN where the model turns them back."""
    change = strength * (points**2).sum(axis=1, keepdims=True)
    change[abs(change) >= 1] = np.nan
    return points / (1 + change)


def _line(points: Float64Array, strength: float) -> _Line:
    """Returns the line that fits an edge best; each point counts as its pixels do in the frame."""
    weights = (1 + strength * (points**2).sum(axis=1)) ** 2
    straight = _undistorted(points, strength)
    middle = np.average(straight, axis=0, weights=weights)
    apart = straight - middle
    _, axes = np.linalg.eigh((apart * weights[:, None]).T @ apart)
    normal = axes[:, 0]
    normal *= np.sign(normal[abs(normal).argmax()])  # the same for all strengths
    return _Line(normal, float(normal @ middle))


def _errors(points: Float64Array, strength: float) -> Float64Array:
    """Returns the distances of an edge's points ``(N, 2)`` from the arc that fits them: ``(N,)``.

    To first order, as by Sampson: the line's equation for distorted points, by its gradient.
    """
    normal, offset = _line(points, strength)
    values = points @ normal - offset * (1 + strength * (points**2).sum(axis=1))
    gradients = normal - 2 * offset * strength * points
    return np.asarray(values / np.linalg.norm(gradients, axis=1), np.float64)


def _worst_error(around: list[Float64Array], strength: float) -> float:
    """Returns the largest distance of a point from its arc."""
    return max(float(abs(_errors(points, strength)).max()) for points in around)


def _best_strength(around: list[Float64Array]) -> float:
    low, high = _RANGE
    strengths = np.linspace(low, high, _STEPS)
    for _ in range(_REFINEMENTS):
        sums = [
            sum(float((_errors(points, strength) ** 2).sum()) for points in around)
            for strength in strengths
        ]
        best, step = strengths[int(np.argmin(sums))], strengths[1] - strengths[0]
        strengths = np.linspace(max(low, best - step), min(high, best + step), 11)
    return float(best)


def checked_edges(lens: Any) -> LensEdges:
    """Returns the straight edges of a lens, which need not determine one.

    Raises:
        ValueError: They have another form, or a point lies outside the frames.
    """
    if not isinstance(lens, Mapping) or lens.keys() != {"size", "straight"}:
        raise ValueError(_FORM)
    size = numbers(lens["size"])
    if size.shape != (2,) or (size < 1).any() or (size % 1).any():
        raise ValueError(f"size must be the width and height of the frames, got {lens['size']}")
    if not isinstance(lens["straight"], list | tuple) or not lens["straight"]:
        raise ValueError(_FORM)
    edges = tuple(_checked_edge(edge, size) for edge in lens["straight"])
    width, height = size.astype(int).tolist()
    return LensEdges((width, height), edges)


def _checked_edge(edge: Any, size: Float64Array) -> Edge:
    points = numbers(edge)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{_FORM}; an edge is {edge}")
    if len(np.unique(points, axis=0)) < _MIN_POINTS:
        raise ValueError(f"an edge needs {_MIN_POINTS} different points or more, got {edge}")
    if not ((points >= 0) & (points <= size)).all():
        raise ValueError(f"an edge lies outside frames of {size[0]:.0f}x{size[1]:.0f}: {edge}")
    return tuple((x, y) for x, y in points.tolist())


def lens_faults(lens: LensEdges | None, height: int, width: int) -> Iterator[str]:
    """Yields a message if the frames have another size than those of the lens."""
    if lens is not None and lens.size != (width, height):
        of = "x".join(map(str, lens.size))
        yield f"ground: its lens is that of frames of {of}, but these have {width}x{height}"
