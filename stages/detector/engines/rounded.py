"""A network whose graph marks where 8 bits are enough, for engines that support them.

Where `quantised` uses bytes, features are quantised and dequantised in float32: an engine that
finds such pairs before and after a convolution computes it in 8 bits.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.detector.engines.int8 import (
    LEVELS,
    MAX_WEIGHT,
    Quantiser,
    by_channel,
    feature_quantisers,
    weight_scales,
)
from stages.detector.spotnet import SpotNet

# These layers stay in float, as do the last layers of the other heads: the first layer's pixels
# have no quantiser, and boxes would be rounded to three pixels (docs/performance.md, step 7).
_FLOAT = ("pre.0.", "wh.", "reg.")


def rounded_network(network: SpotNet) -> SpotNet:
    """Returns a copy that rounds features and weights like `quantised.quantise`.

    Args:
        network: Network with batch norms folded, see `SpotNet.fused`.

    Raises:
        ConfigError: See `feature_quantisers`.
    """
    quantisers = feature_quantisers(network)
    rounded = copy.deepcopy(network)
    for name, module in list(rounded.named_modules()):
        if isinstance(module, nn.Conv2d) and not _stays(name):
            rounded.set_submodule(name, _RoundedConvolution(module))
    for name, each in quantisers.items():
        rounded.get_submodule(name).register_forward_hook(_Rounding(each).after)
    rounded.hm[0].register_forward_pre_hook(_Rounding(quantisers["cnvs.0"]).before)
    return rounded


def _stays(name: str) -> bool:
    return name.startswith(_FLOAT) or name in ("hm.0.1", "seg.0.1")


class _Rounding:
    def __init__(self, to: Quantiser) -> None:
        self._levels = to.scale, to.zero_point, 0, LEVELS

    def before(self, _: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (torch.fake_quantize_per_tensor_affine(inputs[0], *self._levels),)

    def after(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(output, *self._levels)


class _RoundedConvolution(nn.Module):
    def __init__(self, of: nn.Conv2d) -> None:
        super().__init__()
        weight = of.weight.detach()
        scales = weight_scales(weight)
        most = by_channel(scales * MAX_WEIGHT)
        self.weight, self.scales = nn.Buffer(weight.clamp(-most, most)), nn.Buffer(scales)
        self.zeros = nn.Buffer(torch.zeros(len(scales), dtype=torch.int32))
        assert isinstance(of.padding, tuple)
        self.bias, self._geometry = of.bias, (of.stride, of.padding, of.dilation, of.groups)

    def forward(self, x: Tensor) -> Tensor:
        # -128 and 127 are the limits of the format; the weights do not reach them.
        weight = torch.fake_quantize_per_channel_affine(
            self.weight, self.scales, self.zeros, 0, -128, 127
        )
        return F.conv2d(x, weight, self.bias, *self._geometry)
