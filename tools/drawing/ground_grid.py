"""The grid of metres that ground points give a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stages.records import Float64Array
from stages.sink.ground import GroundPlane

_STEPS = (5, 10, 50, 100)  # metres; each divides those after it
_MAX_CELLS = 200  # along either axis
_SAMPLES = 65  # of each side of the frame, to find the ground that it shows
_PER_CELL = 4  # points of a grid line between two others


class GroundGrid(NamedTuple):
    """A grid on the ground as the camera sees it.

    Attributes:
        step: Distance of neighbouring lines in metres; where they would be too dense, some of them
            are left out.
        lines: The lines, each as points ``(N, 2)`` in pixels; only parts where vehicles have
            positions.
    """

    step: int
    lines: tuple[Float64Array, ...]


def ground_grid(
    plane: GroundPlane, height: int, width: int, min_spacing: float
) -> GroundGrid | None:
    """Returns the grid on the ground that frames of a size show; None if they show no ground.

    Args:
        plane: The ground.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        min_spacing: Smallest distance of neighbouring lines in pixels. Where lines of 5 m would be
            closer, there are only those of 10 m, and so on.
    """
    xs, ys = np.meshgrid(np.linspace(0, width, _SAMPLES), np.linspace(0, height, _SAMPLES))
    metres = plane.to_ground(np.column_stack([xs.ravel(), ys.ravel()]))
    metres = metres[~np.isnan(metres).any(axis=1)]
    if not len(metres):
        return None
    low, high = metres.min(axis=0), metres.max(axis=0)
    steps = [step for step in _STEPS if (high - low).max() <= _MAX_CELLS * step] or _STEPS[-1:]
    base = steps[0]
    first, last = np.floor(low / base).astype(int), np.ceil(high / base).astype(int)
    lines, shown = list[Float64Array](), set[int]()
    for axis in (0, 1):
        along = np.arange(first[1 - axis] * _PER_CELL, last[1 - axis] * _PER_CELL + 1)
        points = np.empty((len(along), 2))
        points[:, 1 - axis] = along * base / _PER_CELL
        for at in range(first[axis] * base, last[axis] * base + 1, base):
            step = max(step for step in steps if at % step == 0)
            points[:, axis] = at
            line = plane.to_pixels(points)
            line[~(_spacing(plane, points, axis, step) >= min_spacing)] = np.nan
            parts = [*_known_parts(line)]
            lines += parts
            shown |= {step} if parts else set()
    return GroundGrid(min(shown), tuple(lines)) if shown else None


def _spacing(plane: GroundPlane, points: Float64Array, axis: int, step: int) -> Float64Array:
    """Returns the distance in pixels of a grid line from its neighbours at each of its points."""
    line = plane.to_pixels(points)
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    distances = list[Float64Array]()
    for side in (-step, step):
        neighbor = points.copy()
        neighbor[:, axis] += side
        dx, dy = (plane.to_pixels(neighbor) - line).T
        distances.append(np.abs(tangent[:, 0] * dy - tangent[:, 1] * dx))
    return np.fmin(*distances)


def _known_parts(points: Float64Array) -> Iterator[Float64Array]:
    """Yields the parts of a line that have two points or more, without those that are NaN."""
    unknown = np.flatnonzero(np.isnan(points).any(axis=1))
    for part in np.split(points, unknown):
        known = part[~np.isnan(part).any(axis=1)]
        if len(known) > 1:
            yield known
