"""Initialises a narrow network with the strongest channels of a wide one."""

from __future__ import annotations

import copy
import re

import torch
from torch import Tensor, nn

from stages.detector.spotnet import SpotNet
from stages.detector.spotnet.checkpoint import in_order
from stages.errors import ConfigError
from stages.extras import require

_CLASS_LAYER = re.compile(r"hm\.\d+\.1\.")  # in state keys; class channels are not ranked


def is_narrower(model: SpotNet, wide: SpotNet) -> bool:
    """Returns whether ``model`` is ``wide`` with fewer channels and perhaps fewer trailing blocks.

    A block with a projection shortcut in one must have it in the other. Classes may differ.
    """
    if hasattr(model, "seg") != hasattr(wide, "seg"):
        return False
    found = dict(wide.named_modules())
    for name, module in model.named_modules():
        other = found.get(name)
        if other is None or type(other) is not type(module):
            return False
        empty, other_empty = (not list(each.children()) for each in (module, other))
        if isinstance(module, nn.Sequential) and empty != other_empty:
            return False
    shapes = {key: value.shape for key, value in wide.state_dict().items()}
    pairs = [
        (value.shape, shapes[key])
        for key, value in model.state_dict().items()
        if not _CLASS_LAYER.match(key)
    ]
    fits = all(a <= b for pair in pairs for a, b in zip(*pair, strict=True))
    return fits and any(narrow != other for narrow, other in pairs)


def narrow(model: SpotNet, wide: SpotNet) -> list[str]:
    """Loads into ``model`` the channels of ``wide`` whose weights have the largest norm.

    Summed features (shortcuts, hourglass levels) keep the same channels, by the dependency graph
    of torch-pruning (DepGraph, arXiv 2301.12900). Blocks that ``model`` lacks are left out.

    Returns:
        Names of the tensors that keep their values because ``wide`` has another number of classes.

    Raises:
        ConfigError: torch-pruning is not installed, or a layer gets the wrong shape.
    """
    pruning = require("torch_pruning", "train", "initial: a narrower network")
    pruned = copy.deepcopy(wide).cpu().eval()
    modules = dict(model.named_modules())
    for name, module in list(pruned.named_modules()):
        counterpart = modules.get(name)
        if isinstance(module, nn.Sequential) and isinstance(counterpart, nn.Sequential):
            del module[len(counterpart) :]
    shares = {
        module: 0.0
        if _CLASS_LAYER.match(f"{name}.")
        else 1 - counterpart.out_channels / module.out_channels
        for name, module in pruned.named_modules()
        if isinstance(module, nn.Conv2d) and isinstance(counterpart := modules[name], nn.Conv2d)
    }
    side = pruned.config.size_multiple * 2
    pruning.pruner.BasePruner(
        _WithoutAttention(pruned),
        torch.zeros(1, 3, side, side),
        importance=pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=shares,
        ignored_layers=[module for module, share in shares.items() if share == 0],
    ).step()
    names, wanted = wide.config.class_names, model.config.class_names
    state, before = in_order(pruned.state_dict(), names, wanted), model.state_dict()
    others = [
        key for key in before if _CLASS_LAYER.match(key) and before[key].shape != state[key].shape
    ]
    try:
        model.load_state_dict(state | {key: before[key] for key in others})
    except RuntimeError as error:
        raise ConfigError(f"initial: the wider network cannot be narrowed: {error}") from error
    return others


class _WithoutAttention(nn.Module):
    """The network with independent heads.

    The attention map is one channel that multiplies all others, which would couple their pruning.
    """

    def __init__(self, network: SpotNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        network = self.network
        heads = [network.hm, network.wh, network.reg]
        if hasattr(network, "seg"):
            heads.append(network.seg)
        return [
            head[stack](features)
            for stack, features in enumerate(network.stack_features(images))
            for head in heads
        ]
