"""Boxes from the network's maps: peaks of the heatmap, no non-maximum suppression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Peaks:
    """Best ``K`` peaks of each image, scores falling.

    Attributes:
        boxes: ``(N, K, 4)`` float32 ``(left, top, right, bottom)`` in pixels of the input.
        scores: ``(N, K)`` float32.
        classes: ``(N, K)`` int64.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor


def decode_peaks(outputs: Mapping[str, Tensor], top_k: int = 100, stride: int = 4) -> Peaks:
    """Decodes one stack's raw ``hm``, ``wh`` and ``reg`` on the device they lie on.

    A cell is a peak where it equals the maximum of its 3×3 neighbourhood (CenterNet,
    arXiv 1904.07850).
    """
    heatmap = torch.sigmoid(outputs["hm"].float())
    images, classes, height, width = heatmap.shape
    peaks = heatmap * (F.max_pool2d(heatmap, 3, stride=1, padding=1) == heatmap)
    count = min(top_k, classes * height * width)
    scores, flat = peaks.reshape(images, -1).topk(count)
    cells = flat % (height * width)

    def at_cells(values: Tensor) -> Tensor:
        index = cells[:, None].expand(-1, 2, -1)
        return values.float().reshape(images, 2, -1).gather(2, index).transpose(1, 2)

    corner = torch.stack((cells % width, cells // width), dim=-1)
    centre = corner + at_cells(outputs["reg"])
    half = at_cells(outputs["wh"]) / 2
    boxes = torch.cat((centre - half, centre + half), dim=-1) * stride
    return Peaks(boxes, scores, flat // (height * width))
