"""The losses of CenterNet and SpotNet, averaged over stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.training.targets import Targets

TERM_WEIGHTS = {"hm": 1.0, "wh": 0.1, "reg": 1.0, "iou": 2.0, "seg": 1.0}


def focal_loss(logits: Tensor, heatmap: Tensor, counted: Tensor) -> Tensor:
    """Returns the penalty-reduced focal loss per centre (arXiv 1904.07850, eq. 1; α 2, β 4).

    ``counted`` ``(N, 1, h, w)`` is 0 where background gives no loss.
    """
    center = heatmap.eq(1)
    probability = torch.sigmoid(logits)
    positive = F.logsigmoid(logits) * (1 - probability) ** 2
    negative = F.logsigmoid(-logits) * probability**2 * (1 - heatmap) ** 4 * counted
    loss = torch.where(center, positive, negative).sum()
    return -loss / center.sum().clamp(min=1)


def giou_loss(sizes: Tensor, offsets: Tensor, true_sizes: Tensor, true_offsets: Tensor) -> Tensor:
    """Returns 1 - GIoU (arXiv 1902.09630), ``(M,)`` in [0, 2], of M boxes given as ``(M, 2)``."""
    sizes = sizes.clamp(min=0.1)
    low, high = offsets - sizes / 2, offsets + sizes / 2
    true_low, true_high = true_offsets - true_sizes / 2, true_offsets + true_sizes / 2
    shared = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp(min=0).prod(1)
    union = sizes.prod(1) + true_sizes.prod(1) - shared
    hull = (torch.maximum(high, true_high) - torch.minimum(low, true_low)).prod(1)
    return 1 - shared / union + (hull - union) / hull


def spotnet_loss(outputs: Sequence[Mapping[str, Tensor]], targets: Targets) -> dict[str, Tensor]:
    """Returns each term and their weighted ``total``.

    Terms are averaged over stacks: ``hm`` center (weight 1), ``wh`` size (0.1), ``reg`` offset
    (1), ``iou`` of the box from size and offset (2), ``seg`` segmentation (1).
    """
    image, y, x = targets.rows.unbind(1)
    count = max(1, targets.boxes)
    weights = targets.weights[:, None]
    zero = targets.heatmap.new_zeros(())
    terms = dict.fromkeys(TERM_WEIGHTS, zero)
    for half in outputs:
        output = {name: tensor.float() for name, tensor in half.items()}
        terms["hm"] = terms["hm"] + focal_loss(output["hm"], targets.heatmap, targets.counted)
        sizes, offsets = output["wh"][image, :, y, x], output["reg"][image, :, y, x]
        terms["wh"] = terms["wh"] + ((sizes - targets.sizes).abs() * weights).sum() / count
        terms["reg"] = terms["reg"] + ((offsets - targets.offsets).abs() * weights).sum() / count
        overlap = giou_loss(sizes, offsets, targets.sizes, targets.offsets)
        terms["iou"] = terms["iou"] + (overlap * targets.weights).sum() / count
        if "seg" in output:
            terms["seg"] = terms["seg"] + segmentation_loss(output["seg"], targets)
    terms = {name: value / len(outputs) for name, value in terms.items()}
    return terms | {"total": sum((w * terms[name] for name, w in TERM_WEIGHTS.items()), zero)}


def segmentation_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Computes the mean binary cross-entropy per pixel outside ignored regions.

    Args:
        logits: ``(N, 1, H, W)``, at stride 4 or, as published, at full resolution.
        targets: Targets, whose stride-4 mask is enlarged to the size of the logits.
    """
    mask, counted = targets.mask, targets.counted
    if mask.shape != logits.shape:
        mask = F.interpolate(mask, logits.shape[2:], mode="nearest")
        counted = F.interpolate(counted, logits.shape[2:], mode="nearest")
    loss = F.binary_cross_entropy_with_logits(logits, mask, reduction="none") * counted
    return loss.sum() / counted.sum().clamp(min=1)
