"""Distillation: a teacher network's detections as targets, annotated or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stages.detector.spotnet import SpotNet, channels_last
from stages.detector.weights_file import load_network
from stages.errors import ConfigError
from tools.training.config import TrainingConfig
from tools.training.losses import giou_loss

TERM_WEIGHTS = {"hm_t": 4.0, "iou_t": 2.0}

MIN_SCORE = 0.1
"""Minimum teacher score of the cells that teach a box."""


def load_teacher(config: TrainingConfig, device: torch.device) -> SpotNet | None:
    """Loads the network of ``config.teacher`` for inference; None if there is none.

    Raises:
        ConfigError: It cannot be loaded, has other classes, or does not accept the crop size.
    """
    if config.teacher is None:
        return None
    network = load_network(config.teacher, device, setting="teacher")
    wanted, found = tuple(config.classes), network.config.class_names
    if wanted != found:
        raise ConfigError(
            f"teacher: {config.teacher} finds {', '.join(found)}, not {', '.join(wanted)}"
        )
    if config.crop % (multiple := network.config.min_multiple):
        raise ConfigError(
            f"teacher: {config.teacher} takes multiples of {multiple}; crop is {config.crop}"
        )
    return channels_last(network)


def teacher_loss(
    outputs: Sequence[Mapping[str, Tensor]], taught: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Returns each distillation term and their weighted ``total``; ``taught`` is the last stack.

    Terms are averaged over stacks: ``hm_t`` is the quality focal loss of the centres (arXiv
    2006.04388, β 2; weight 4) with the teacher's scores as targets, and ``iou_t`` is 1 - GIoU of
    the boxes (2), weighted by these scores. Ignored regions count as well, as the teacher finds the
    unannotated vehicles in them.
    """
    score = torch.sigmoid(taught["hm"].float())
    best = score.amax(1)
    image, y, x = torch.nonzero(best > MIN_SCORE, as_tuple=True)
    weights = best[image, y, x]
    boxes = {name: taught[name][image, :, y, x].float() for name in ("wh", "reg")}
    zero = score.new_zeros(())
    terms = {"hm_t": zero, "iou_t": zero}
    for output in outputs:
        logits = output["hm"].float()
        gap = (torch.sigmoid(logits) - score).abs() ** 2
        loss = F.binary_cross_entropy_with_logits(logits, score, reduction="none")
        terms["hm_t"] = terms["hm_t"] + (gap * loss).sum() / weights.sum().clamp(min=1)
        sizes, offsets = (output[name][image, :, y, x].float() for name in ("wh", "reg"))
        overlap = giou_loss(sizes, offsets, boxes["wh"].clamp(min=0.1), boxes["reg"])
        terms["iou_t"] = terms["iou_t"] + (overlap * weights).sum() / weights.sum().clamp(min=1)
    terms = {name: value / len(outputs) for name, value in terms.items()}
    return terms | {"total": sum((w * terms[name] for name, w in TERM_WEIGHTS.items()), zero)}
