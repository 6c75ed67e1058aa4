"""Finds boxes in the network's maps: peaks of the heatmap, without non-maximum suppression."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stages.detector.spotnet import STRIDE, SpotNet

TOP_K = 100
"""Default number of peaks per image, as in CenterNet."""


def detect_peaks(
    network: SpotNet, images: Tensor, top_k: int = TOP_K
) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the best ``K`` peaks of each image, on the device of the images.

    Args:
        network: The network.
        images: ``(N, 3, H, W)``.
        top_k: Maximum number of peaks per image.

    Returns:
        Boxes ``(N, K, 4)`` float32 ``(left, top, right, bottom)`` in pixels of the input,
        descending scores ``(N, K)`` float32 and classes ``(N, K)`` int64.
    """
    logits, features = network.locate(images)
    scores, classes, cells = find_peaks(logits, top_k)
    sizes, offsets = network.regress(features, cells)
    boxes = place_boxes(cells, sizes.float(), offsets.float(), logits.shape[-1])
    return boxes, scores, classes


def find_peaks(logits: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the strongest cells that equal the maximum of their 3×3 neighbourhood.

    This is CenterNet's method (arXiv 1904.07850).

    Args:
        logits: ``(N, classes, h, w)``, before the sigmoid.
        top_k: Maximum number of peaks per image.

    Returns:
        Descending scores ``(N, K)`` float32, classes and cells ``y * w + x`` ``(N, K)`` int64.
    """
    heatmap = torch.sigmoid(logits.float())
    images, classes, height, width = heatmap.shape
    peaks = heatmap * (_largest_around(heatmap) == heatmap)
    cells = classes * height * width
    count: Any = min(top_k, cells)
    if torch.jit.is_tracing() and cells < top_k:  # other inputs may have more cells
        count = torch.minimum(torch.tensor(top_k), torch.as_tensor(cells))
    scores, flat = peaks.reshape(images, -1).topk(count)
    return scores, flat // (height * width), flat % (height * width)


def _largest_around(heatmap: Tensor) -> Tensor:
    """Returns the maximum of each cell's 3×3 neighbourhood; values must be positive."""
    if heatmap.device.type != "cpu" or torch.jit.is_tracing():
        return F.max_pool2d(heatmap, 3, stride=1, padding=1)
    # PyTorch's pooling takes seven times as long for a single channel.
    padded = F.pad(heatmap, (1, 1, 1, 1))
    left, middle, right = padded[..., :-2], padded[..., 1:-1], padded[..., 2:]
    rows = torch.maximum(torch.maximum(left, middle), right)
    above, here, below = rows[..., :-2, :], rows[..., 1:-1, :], rows[..., 2:, :]
    return torch.maximum(torch.maximum(above, here), below)


def place_boxes(cells: Tensor, sizes: Tensor, offsets: Tensor, width: int) -> Tensor:
    """Returns boxes ``(N, K, 4)`` ltrb in pixels of the input.

    Args:
        cells: ``(N, K)``, each ``y * width + x``.
        sizes: ``(N, K, 2)`` width and height in cells.
        offsets: ``(N, K, 2)`` x and y of the centre from the cell's corner, in cells.
        width: Width of the heatmap in cells.
    """
    center = torch.stack((cells % width, cells // width), dim=-1) + offsets
    return torch.cat((center - sizes / 2, center + sizes / 2), dim=-1) * STRIDE
