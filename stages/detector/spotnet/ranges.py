"""Ranges of a network's features, which int8 must cover."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from stages.detector.spotnet.hourglass import Hourglass
from stages.detector.spotnet.layers import Convolution, Residual
from stages.detector.spotnet.model import SpotNet


@torch.inference_mode()
def feature_ranges(network: SpotNet, inputs: Iterable[Tensor]) -> dict[str, tuple[float, float]]:
    """Returns the smallest and largest output of each layer, by the name of its module.

    Args:
        network: Network of residual blocks with batch norms folded, see `SpotNet.fused`.
        inputs: Typical inputs, each ``(N, 3, H, W)``, normalised.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def watch(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def see(_: nn.Module, __: Any, output: Tensor) -> None:
            low, high = (float(value) for value in torch.aminmax(output))
            before = ranges.get(name, (low, high))
            ranges[name] = min(low, before[0]), max(high, before[1])

        return see

    hooks = [
        network.get_submodule(name).register_forward_hook(watch(name))
        for name in feature_names(network)
    ]
    try:
        for images in inputs:
            network.locate(images)
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


def feature_names(network: SpotNet) -> set[str]:
    """Returns the names of the modules whose outputs are quantised, all outside the heads."""
    return {
        name
        for name, module in network.named_modules()
        if _gives_features(name, module) and not name.startswith(("hm.", "seg.", "wh.", "reg."))
    }


def _gives_features(name: str, module: nn.Module) -> bool:
    if isinstance(module, (Convolution, Residual, Hourglass)):
        return True
    # Inside a residual block: its first convolution, and a shortcut with a convolution.
    return name.endswith(".relu1") or (name.endswith(".skip") and any(module.children()))
