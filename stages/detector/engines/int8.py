"""Chooses scales: for features by their calibrated ranges, for weights by least squared error.

Shared by PyTorch (`quantised`) and the graph for other engines (`rounded`), so that both round
identically. The first convolution, which reads pixels, and the last ones of the heads, which
compute scores and boxes, stay in floating point.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stages.detector.spotnet import SpotNet, feature_names
from stages.detector.spotnet.hourglass import Hourglass
from stages.errors import ConfigError

LEVELS = 255
"""Quantisation levels of a feature, besides zero."""

MAX_WEIGHT = 63
"""Seven bits: CPUs without VNNI add two products in 16 bits, and larger weights would overflow."""

_SHARES = torch.linspace(1, 0.6, 21).tolist()  # of the largest weight, where weights are clipped


@dataclass(frozen=True, slots=True)
class Quantiser:
    """Scale and zero point of a byte, which represents ``(byte - zero_point) * scale``."""

    scale: float
    zero_point: int = 0


def feature_quantisers(network: SpotNet) -> dict[str, Quantiser]:
    """Returns the quantiser of each module's output, by name; both branches of a level share one.

    Raises:
        ConfigError: The network's architecture is not supported in int8, or its feature ranges are
            unknown.
    """
    check_network(network)
    wanted = feature_names(network)
    if network.ranges is None or not wanted <= network.ranges.keys():
        raise ConfigError(
            "these weights do not say the range of each feature, which int8 needs; "
            "add it with: spotstream calibrate WEIGHTS"
        )
    quantisers = {name: _quantiser(*network.ranges[name]) for name in wanted}
    for name, module in network.named_modules():
        if isinstance(module, Hourglass):
            for branch in ("up1", "low3"):
                last = len(module.get_submodule(branch)) - 1  # type: ignore[arg-type]
                quantisers[f"{name}.{branch}.{last}"] = quantisers[name]
    return quantisers


def supports_int8(network: SpotNet) -> bool:
    """Returns whether a network can be computed in int8, see `feature_quantisers`."""
    try:
        feature_quantisers(network)
    except ConfigError:
        return False
    return True


def check_network(network: SpotNet) -> None:
    """Raises a ConfigError if the network's architecture is not supported in int8."""
    config = network.config
    # Without blocks, a level's branch is its input, whose scale is not that of the level's sum.
    lacks_blocks = 0 in config.modules[:-1]
    is_other = config.stacks > 1 or config.attention == "raw" or config.segmentation_stride != 4
    if lacks_blocks or is_other:
        raise ConfigError(
            "int8 is for one hourglass with blocks at every level, a segmentation at stride 4 and "
            "no raw attention, as in the shipped weights; these weights are for another network"
        )


def _quantiser(low: float, high: float) -> Quantiser:
    low = min(low, 0.0)
    scale = max(high - low, 1e-6) / LEVELS
    return Quantiser(scale, round(-low / scale))


def weight_scales(weight: Tensor) -> Tensor:
    """Returns the scale of each output channel ``(O,)`` that minimises the squared error.

    Up to 40 % of the weights' range may be clipped, so that a few large weights do not reduce the
    resolution of all others.
    """
    largest = weight.abs().amax((1, 2, 3)).clamp(min=1e-12)
    candidates = [largest * share / MAX_WEIGHT for share in _SHARES]
    errors = [
        (weight - whole_numbers(weight, scales) * by_channel(scales)).square().sum((1, 2, 3))
        for scales in candidates
    ]
    best = torch.stack(errors).argmin(0)
    return torch.stack(candidates)[best, torch.arange(len(best))]


def whole_numbers(weight: Tensor, scales: Tensor) -> Tensor:
    """Returns weights ``(O, I, k, k)`` as multiples of their scales, at most ±`MAX_WEIGHT`."""
    return (weight / by_channel(scales)).round().clamp(-MAX_WEIGHT, MAX_WEIGHT)


def by_channel(scales: Tensor) -> Tensor:
    """Returns scales as ``(O, 1, 1, 1)``, to broadcast over weights."""
    return scales[:, None, None, None]
