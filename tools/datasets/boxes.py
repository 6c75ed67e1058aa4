"""Cuts annotated boxes at the border of their image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.records import BoolArray, Float32Array
from tools.datasets.sample import ProblemKind
from trackers.boxes import areas, shorter_sides

MIN_SIDE = 1.0
"""Pixels; a thinner box counts as having no area."""

TOLERANCE = 1.0
"""Pixels by which a box may reach beyond the image without being reported."""


@dataclass(frozen=True, slots=True, eq=False)
class CutBoxes:
    """Boxes cut at the border of their image.

    Attributes:
        boxes: ``(N, 4)`` float32 ltrb; valid where ``usable``.
        hidden: ``(N,)`` float32, the larger of the given share and the share that was cut off.
        usable: ``(N,)`` bool, whether the box has an area left.
        faults: Kind and row of each fault: a box that is not finite or has no area, a box outside
            the image, or a usable box that reached beyond the image.
    """

    boxes: Float32Array
    hidden: Float32Array
    usable: BoolArray
    faults: list[tuple[ProblemKind, int]]


def cut_boxes(
    boxes: npt.NDArray[np.floating], hidden: npt.NDArray[np.floating], width: int, height: int
) -> CutBoxes:
    """Cuts boxes ``(N, 4)`` ltrb with hidden shares ``hidden`` ``(N,)`` at the image border."""
    finite = np.isfinite(boxes).all(axis=1)
    given = np.where(finite[:, None], boxes, 0.0).astype(np.float64)
    cut = given.clip(0, [width, height, width, height])
    flat = shorter_sides(given) < MIN_SIDE
    usable = ~flat & (shorter_sides(cut) >= MIN_SIDE)
    beyond = usable & (np.abs(cut - given).max(axis=1) > TOLERANCE)
    lost = np.zeros(len(given))
    with np.errstate(over="ignore"):  # a box of infinite area loses all of it
        lost[beyond] = 1 - areas(cut[beyond]) / areas(given[beyond])
    kinds = {
        ProblemKind.FLAT_BOX: flat,
        ProblemKind.BOX_OUTSIDE: ~flat & ~usable,
        ProblemKind.BOX_CUT: beyond,
    }
    faults = [(kind, int(row)) for kind, rows in kinds.items() for row in np.flatnonzero(rows)]
    hidden = np.maximum(hidden, lost)
    return CutBoxes(cut.astype(np.float32), hidden.astype(np.float32), usable, faults)


def cut_regions(regions: npt.NDArray[np.floating], width: int, height: int) -> Float32Array:
    """Returns the parts ``(K, 4)`` of ignored regions ``(R, 4)`` ltrb that lie in the image."""
    if len(regions) == 0:
        return np.empty((0, 4), np.float32)
    cut = cut_boxes(regions, np.zeros(len(regions)), width, height)
    return cut.boxes[cut.usable]
