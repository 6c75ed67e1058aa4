"""Training targets: Gaussian centres, sizes, offsets and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from stages.detector.spotnet import STRIDE
from stages.records import Float32Array
from tools.training.crops import AnnotatedImage

CENTER_SHARE = 0.54
"""Fraction of each side of a box that its Gaussian covers (TTFNet, arXiv 1909.00700)."""

MAX_REACH = 4
"""Maximum distance from the centre, in cells per axis, at which size and offset are learnt."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Targets of one batch at stride 4; ``rows`` lists the cells that learn a box.

    A box is also learnt by the cells around its centre, which makes TTFNet (arXiv 1909.00700)
    converge several times faster than CenterNet.

    Attributes:
        heatmap: ``(N, C, h, w)`` in [0, 1], 1 at centres.
        mask: ``(N, 1, h, w)`` in [0, 1], fraction of each cell covered by vehicles.
        counted: ``(N, 1, h, w)``, 0 in ignored regions, which give neither a heatmap nor a mask
            loss, else 1.
        rows: ``(M, 3)`` int64 image, y, x of each cell that learns a box.
        weights: ``(M,)`` weight of each cell; they sum to 1 for each box.
        sizes: ``(M, 2)`` width and height of the box in cells.
        offsets: ``(M, 2)`` x and y of the centre from the cell's corner, in cells.
        boxes: Number of boxes.
    """

    heatmap: Tensor
    mask: Tensor
    counted: Tensor
    rows: Tensor
    weights: Tensor
    sizes: Tensor
    offsets: Tensor
    boxes: int

    def to(self, device: torch.device) -> Targets:
        """Returns a copy on another device."""
        return self._moved(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Targets:
        """Returns a copy in page-locked memory, for copies to a GPU while it computes."""
        return self._moved(Tensor.pin_memory)

    def _moved(self, move: Callable[[Tensor], Tensor]) -> Targets:
        names = [each.name for each in fields(self) if each.name != "boxes"]
        return Targets(**{name: move(getattr(self, name)) for name in names}, boxes=self.boxes)


def build_targets(crops: Sequence[AnnotatedImage], num_classes: int = 1) -> Targets:
    """Builds the targets of crops of equal size, a multiple of `STRIDE`."""
    height, width = (side // STRIDE for side in crops[0].image.shape[:2])
    heatmap = np.zeros((len(crops), num_classes, height, width), np.float32)
    mask = np.zeros((len(crops), 1, height, width), np.float32)
    counted = np.ones((len(crops), 1, height, width), np.float32)
    rows, weights, sizes, offsets = [], [], [], []
    for image, crop in enumerate(crops):
        scaled = crop.boxes / STRIDE
        centers, extents = (scaled[:, :2] + scaled[:, 2:]) / 2, scaled[:, 2:] - scaled[:, :2]
        owner = np.full((height, width), -1)
        strength = np.zeros((height, width), np.float32)
        for left, top, right, bottom in crop.ignored / STRIDE:
            area = np.s_[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
            counted[image, 0][area] = 0
        # Where boxes overlap, cells belong to the smaller box, which has fewer cells.
        for index in np.argsort(-extents.prod(axis=1), kind="stable"):
            x, y = centers[index].astype(int)
            gaussian = _gaussian(width, x, extents[index, 0])[None]
            gaussian = gaussian * _gaussian(height, y, extents[index, 1])[:, None]
            of_class = heatmap[image, crop.classes[index]]
            np.maximum(of_class, gaussian, out=of_class)
            reach_x, reach_y = np.minimum(_radius(extents[index]), MAX_REACH)
            area = np.s_[
                max(0, y - reach_y) : y + reach_y + 1, max(0, x - reach_x) : x + reach_x + 1
            ]
            owner[area], strength[area] = index, gaussian[area]
            counted[image, 0, y, x] = 1  # a centre counts even in an ignored region
        foreground = crop.known_mask()
        mask[image, 0] = cv2.resize(
            foreground.astype(np.float32) / 255, (width, height), interpolation=cv2.INTER_AREA
        )
        y, x = np.nonzero(owner >= 0)
        box, strengths = owner[y, x], strength[y, x]
        totals = np.bincount(box, strengths, len(scaled))
        rows.append(np.stack([np.full_like(y, image), y, x], axis=1))
        weights.append(strengths / totals[box])
        sizes.append(extents[box])
        offsets.append(centers[box] - np.stack([x, y], axis=1))
    return Targets(
        torch.from_numpy(heatmap),
        torch.from_numpy(mask),
        torch.from_numpy(counted),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(weights).astype(np.float32)),
        torch.from_numpy(np.concatenate(sizes).astype(np.float32)),
        torch.from_numpy(np.concatenate(offsets).astype(np.float32)),
        sum(len(crop.boxes) for crop in crops),
    )


def _radius(extents: Float32Array | np.float32) -> np.ndarray:
    return np.asarray(np.asarray(extents) / 2 * CENTER_SHARE).astype(int)


def _gaussian(cells: int, center: int, extent: np.float32) -> Float32Array:
    """Returns a Gaussian ``(cells,)``, 1 at ``center``."""
    sigma = (2 * int(_radius(extent)) + 1) / 6
    distance = np.arange(cells, dtype=np.float32) - center
    return np.exp(-(distance**2) / np.float32(2 * sigma**2))
