"""Regions of a sequence in which nothing is scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.records import BoolArray, Float64Array, Int64Array
from tools.annotations.trajectories import rows_of
from trackers.boxes import areas, centers_inside

Rule: TypeAlias = Literal["half area", "center"]
HALF = 0.5 - 1e-6  # tolerance: decimals are not exact in binary


def _no_boxes() -> Float64Array:
    return np.empty((0, 4))


@dataclass(frozen=True, slots=True, eq=False)
class IgnoredRegions:
    """Regions, of the whole sequence or of single frames, and the rule for applying them.

    Attributes:
        boxes: ``(R, 4)`` float64 ltrb.
        frames: ``(R,)`` 0-based frame of each region; None if all apply to every frame.
        rule: A result box is ignored when at least half of its area lies in the union of the
            regions (UA-DETRAC), or when its centre lies in one of them (UAVDT).
    """

    boxes: Float64Array = field(default_factory=_no_boxes)
    frames: Int64Array | None = None
    rule: Rule = "half area"

    def cover(self, frames: Int64Array, boxes: npt.NDArray[np.floating]) -> BoolArray:
        """Returns which ``boxes`` ``(N, 4)`` ltrb, in 0-based ``frames`` ``(N,)``, are ignored."""
        exact = boxes.astype(np.float64)
        inside = centers_inside if self.rule == "center" else half_inside
        if self.frames is None:
            return inside(exact, self.boxes)
        ignored = np.zeros(len(exact), np.bool_)
        rows, regions = rows_of(frames), rows_of(self.frames)
        for frame in rows.keys() & regions.keys():
            ignored[rows[frame]] = inside(exact[rows[frame]], self.boxes[regions[frame]])
        return ignored


def half_inside(boxes: npt.NDArray[np.floating], regions: npt.NDArray[np.floating]) -> BoolArray:
    """Returns which boxes ltrb have at least half their area in the union of regions ltrb."""
    exact = boxes.astype(np.float64)
    area = areas(exact)
    return (area > 0) & (area_in_union(exact, regions.astype(np.float64)) >= HALF * area)


def area_in_union(boxes: Float64Array, regions: Float64Array) -> Float64Array:
    """Returns the ``(N,)`` area of each box ltrb inside the union of the regions ltrb.

    The result is exact: the edges of the regions divide the plane into cells, each of which lies
    wholly inside or outside the union.
    """
    columns, rows = np.unique(regions[:, [0, 2]]), np.unique(regions[:, [1, 3]])
    covered = np.zeros((max(0, len(columns) - 1), max(0, len(rows) - 1)))
    lefts, rights = np.searchsorted(columns, regions[:, [0, 2]]).T.tolist()
    tops, bottoms = np.searchsorted(rows, regions[:, [1, 3]]).T.tolist()
    for left, top, right, bottom in zip(lefts, tops, rights, bottoms, strict=True):
        covered[left:right, top:bottom] = 1.0
    along = _shared(boxes[:, 0], boxes[:, 2], columns) @ covered
    area: Float64Array = np.sum(along * _shared(boxes[:, 1], boxes[:, 3], rows), axis=1)
    return area


def _shared(starts: Float64Array, ends: Float64Array, edges: Float64Array) -> Float64Array:
    """Returns the ``(N, E - 1)`` overlap of each interval with each gap between two edges."""
    shared = np.minimum(ends[:, None], edges[1:]) - np.maximum(starts[:, None], edges[:-1])
    return np.maximum(shared, 0.0)
