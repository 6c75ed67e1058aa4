"""Places labels next to their box, away from other vehicles, and without jumping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.records import Float32Array, Float64Array, Int64Array
from trackers.boxes import intersection_areas

# Costs, as shares of the label's area. The slots are above, below, above right-aligned, and below
# right-aligned. The first is preferred. Moving costs extra, or a label would jump from side to side
# while two vehicles pass each other.
_PREFERENCE = np.array([0.0, 0.05, 0.02, 0.07])
_MOVING = 0.4
_ON_LABEL = 3.0


class LabelLayout:
    """Chooses the position of each label, frame by frame.

    Memory is bounded by the tracks of the last frame.

    Args:
        height: Frame height in pixels, even.
        width: Frame width in pixels, even.
    """

    def __init__(self, height: int, width: int) -> None:
        self._height = height
        self._width = width
        self._slots: dict[int, int] = {}

    def place(
        self,
        ids: Sequence[int],
        boxes: Float32Array | Int64Array,
        sizes: Int64Array,
    ) -> list[tuple[int, int]]:
        """Places the labels of one frame.

        Args:
            ids: N track ids.
            boxes: ``(N, 4)`` outlines as left, top, right, bottom.
            sizes: ``(N, 2)`` label widths and heights, even, not larger than the frame.

        Returns:
            Left and top of each label, even, with the whole label inside the frame.
        """
        if not len(ids):
            self._slots.clear()
            return []
        outlines = boxes.astype(np.float64)
        candidates = self._candidates(outlines, sizes)
        area = (sizes[:, 0] * sizes[:, 1]).astype(np.float64)
        costs = intersection_areas(candidates[:, :, None], outlines[None, None]).sum(axis=2)
        costs += _PREFERENCE * area[:, None]
        # Labels can only overlap if their slots do: check these neighbours alone.
        reach = np.concatenate(
            [candidates[..., :2].min(axis=1), candidates[..., 2:].max(axis=1)], axis=1
        )
        overlaps = intersection_areas(reach[:, None], reach[None])
        neighbors = np.asarray(np.tril(overlaps, -1) > 0, np.bool_)
        crowded = set(np.flatnonzero(neighbors.any(axis=1)).tolist())
        placed = np.empty((len(ids), 4))
        slots: dict[int, int] = {}
        result = []
        for k, identity in enumerate(ids):
            cost = costs[k]
            before = self._slots.get(identity)
            if before is not None:
                cost[before] -= _MOVING * area[k]
            if k in crowded:
                near = placed[neighbors[k]]
                cost += _ON_LABEL * intersection_areas(candidates[k][:, None], near[None]).sum(
                    axis=1
                )
            slot = int(cost.argmin())
            placed[k] = candidates[k, slot]
            slots[identity] = slot
            result.append((int(placed[k, 0]), int(placed[k, 1])))
        self._slots = slots
        return result

    def _candidates(self, boxes: Float64Array, sizes: Int64Array) -> Float64Array:
        """Returns the rectangle of each slot, moved into the frame: ``(N, 4, 4)``."""
        widths, heights = sizes[:, 0], sizes[:, 1]
        left, top, right, bottom = boxes.T
        lefts = np.stack([left, left, right - widths, right - widths], axis=1)
        tops = np.stack([top - heights, bottom, top - heights, bottom], axis=1)
        lefts = np.clip(lefts, 0, (self._width - widths)[:, None]) // 2 * 2
        tops = np.clip(tops, 0, (self._height - heights)[:, None]) // 2 * 2
        return np.stack([lefts, tops, lefts + widths[:, None], tops + heights[:, None]], axis=2)
