"""What the network should say: Gaussian centres, sizes, offsets and box masks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stages.records import Float32Array

CENTRE_SHARE = 0.54
"""Share of a box, along each side, that its Gaussian covers (TTFNet, arXiv 1909.00700)."""

MAX_REACH = 4
"""Cells from the centre, along each side, that learn a box's size and offset."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Targets of one batch at stride 4; ``rows`` lists the cells that learn a box.

    Not the centre's cell alone learns a box but its neighbours too, which is what makes TTFNet
    (arXiv 1909.00700) converge several times faster than CenterNet.

    Attributes:
        heatmap: ``(N, 1, h, w)`` in [0, 1], 1 at centres.
        mask: ``(N, 1, h, w)``, 1 inside boxes.
        rows: ``(M, 3)`` int64 image, y, x of each such cell.
        weights: ``(M,)``, of which every box's sum is 1.
        sizes: ``(M, 2)`` width and height of the box in cells.
        offsets: ``(M, 2)`` x and y of the centre from the cell's corner, in cells.
        boxes: How many boxes there are.
    """

    heatmap: Tensor
    mask: Tensor
    rows: Tensor
    weights: Tensor
    sizes: Tensor
    offsets: Tensor
    boxes: int


def build_targets(batch: list[Float32Array], side: int, stride: int = 4) -> Targets:
    """Targets for boxes ltrb in pixels of square crops of ``side``."""
    cells = side // stride
    heatmap = np.zeros((len(batch), 1, cells, cells), np.float32)
    mask = np.zeros_like(heatmap)
    rows, weights, sizes, offsets = [], [], [], []
    for image, boxes in enumerate(batch):
        scaled = boxes / stride
        centres, extents = (scaled[:, :2] + scaled[:, 2:]) / 2, scaled[:, 2:] - scaled[:, :2]
        owner = np.full((cells, cells), -1)
        strength = np.zeros((cells, cells), np.float32)
        # Where boxes overlap, the cells belong to the smaller one, which has fewer.
        for index in np.argsort(-extents.prod(axis=1), kind="stable"):
            x, y = centres[index].astype(int).clip(0, cells - 1)
            gaussian = _gaussian(cells, x, extents[index, 0])[None]
            gaussian = gaussian * _gaussian(cells, y, extents[index, 1])[:, None]
            np.maximum(heatmap[image, 0], gaussian, out=heatmap[image, 0])
            left, top, right, bottom = scaled[index]
            mask[image, 0, int(top) : math.ceil(bottom), int(left) : math.ceil(right)] = 1
            reach_x, reach_y = np.minimum(_radius(extents[index]), MAX_REACH)
            area = np.s_[
                max(0, y - reach_y) : y + reach_y + 1, max(0, x - reach_x) : x + reach_x + 1
            ]
            owner[area], strength[area] = index, gaussian[area]
        y, x = np.nonzero(owner >= 0)
        box, strengths = owner[y, x], strength[y, x]
        totals = np.bincount(box, strengths, len(boxes))
        rows.append(np.stack([np.full_like(y, image), y, x], axis=1))
        weights.append(strengths / totals[box])
        sizes.append(extents[box])
        offsets.append(centres[box] - np.stack([x, y], axis=1))
    return Targets(
        torch.from_numpy(heatmap),
        torch.from_numpy(mask),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(weights).astype(np.float32)),
        torch.from_numpy(np.concatenate(sizes).astype(np.float32)),
        torch.from_numpy(np.concatenate(offsets).astype(np.float32)),
        sum(len(boxes) for boxes in batch),
    )


def _radius(extents: Float32Array | np.float32) -> np.ndarray:
    return np.asarray(np.asarray(extents) / 2 * CENTRE_SHARE).astype(int)


def _gaussian(cells: int, centre: int, extent: np.float32) -> Float32Array:
    """``(cells,)``, 1 at ``centre``."""
    sigma = (2 * int(_radius(extent)) + 1) / 6
    distance = np.arange(cells, dtype=np.float32) - centre
    return np.exp(-(distance**2) / np.float32(2 * sigma**2))
