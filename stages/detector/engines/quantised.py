"""8-bit integer convolutions with PyTorch's oneDNN: features between layers are bytes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import cv2
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.detector.engines.graph import DetectionGraph, example_images
from stages.detector.engines.int8 import Quantiser, feature_quantisers, weight_scales, whole_numbers
from stages.detector.engines.packed import PackedWeights, pack_convolutions
from stages.detector.spotnet import SpotNet
from stages.detector.spotnet.hourglass import Hourglass
from stages.detector.spotnet.layers import Convolution, Residual
from stages.errors import ConfigError


def quantised_graph(graph: DetectionGraph) -> DetectionGraph:
    """Returns a copy of a float32 CPU graph that computes in 8 bits; boxes and scores stay float.

    Raises:
        ConfigError: See `feature_quantisers`; or PyTorch does not support int8 on this CPU.
    """
    quantised = copy.deepcopy(graph)
    try:
        with torch.inference_mode():
            quantise(quantised.network)
            quantised(example_images(graph.network.config.size_multiple))
    except (RuntimeError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"PyTorch computes no int8 convolutions on this CPU: {reason}") from error
    return quantised


def quantise(network: SpotNet) -> None:
    """Makes a network compute in 8 bits; its outputs stay float32, equal except for rounding.

    Args:
        network: Float32 network on the CPU, batch norms folded, see `SpotNet.fused`.

    Raises:
        ConfigError: See `feature_quantisers`.
    """
    quantisers = feature_quantisers(network)
    features = quantisers["cnvs.0"]
    build = _Builder(quantisers)
    stem, block = network.pre
    network.pre = nn.Sequential(
        stem, _ToBytes(quantisers["pre.0"]), build.residual(block, "pre.1", quantisers["pre.0"])
    )
    network.kps[0] = build.hourglass(network.kps[0], "kps.0", quantisers["pre.1"])
    network.cnvs[0] = _layer(network.cnvs[0], quantisers["kps.0"], features)
    # A feature times the attention, which is at most 1, has the range of the feature.
    network.hm[0] = _head(network.hm[0], _ToBytes(Quantiser(1.0)), features)
    if network.config.attention != "none":
        network.seg[0] = _head(network.seg[0], nn.Identity(), features)
    for head in (network.wh, network.reg):
        head[0] = nn.Sequential(_FromBytes(features), head[0])
    pack_convolutions(network)


def _head(of: nn.Module, before: nn.Module, features: Quantiser) -> nn.Sequential:
    first, last = cast(nn.Sequential, of)
    return nn.Sequential(before, _layer(first, features), last)


def _layer(of: nn.Module, inputs: Quantiser, outputs: Quantiser | None = None) -> _ByteConvolution:
    return _ByteConvolution(cast(Convolution, of).conv, inputs, outputs, relu=True)


class _Builder:
    """Turns blocks into ones with byte inputs and outputs.

    Args:
        quantisers: Quantiser of each module's output, see `feature_quantisers`.
    """

    def __init__(self, quantisers: Mapping[str, Quantiser]) -> None:
        self._quantisers = quantisers

    def hourglass(self, of: nn.Module, name: str, inputs: Quantiser) -> nn.Module:
        """Converts one level of an hourglass and all below it."""
        of = cast(Hourglass, of)
        low1, low = self._chain(of.low1, f"{name}.low1", inputs)
        if isinstance(of.low2, Hourglass):
            low2: nn.Module = self.hourglass(of.low2, f"{name}.low2", low)
            low = self._quantisers[f"{name}.low2"]
        else:
            low2, low = self._chain(of.low2, f"{name}.low2", low)
        low3, _ = self._chain(of.low3, f"{name}.low3", low)
        up1, _ = self._chain(of.up1, f"{name}.up1", inputs)
        return _ByteLevel(up1, nn.Sequential(low1, low2, low3))

    def residual(self, of: nn.Module, name: str, inputs: Quantiser) -> nn.Module:
        """Converts a residual block."""
        of, outputs = cast(Residual, of), self._quantisers[name]
        between, shortcut, skip = self._quantisers[f"{name}.relu1"], inputs, None
        if len(of.skip):
            shortcut = self._quantisers[f"{name}.skip"]
            skip = _ByteConvolution(cast(nn.Conv2d, of.skip[0]), inputs, shortcut)
        return _ByteResidual(
            _ByteConvolution(of.conv1, inputs, between, relu=True),
            _ByteConvolution(of.conv2, between, outputs, relu=True),
            skip,
            shortcut,
        )

    def _chain(self, of: nn.Module, name: str, inputs: Quantiser) -> tuple[nn.Module, Quantiser]:
        blocks = []
        for index, block in enumerate(of.children()):
            blocks.append(self.residual(block, f"{name}.{index}", inputs))
            inputs = self._quantisers[f"{name}.{index}"]
        return nn.Sequential(*blocks), inputs


class _ByteConvolution(nn.Module):
    """A convolution from bytes to bytes, or to float32 if ``outputs`` is None."""

    def __init__(
        self, of: nn.Conv2d, inputs: Quantiser, outputs: Quantiser | None, *, relu: bool = False
    ) -> None:
        super().__init__()
        weight = of.weight.detach()
        scales = weight_scales(weight)
        bias = None if of.bias is None else of.bias.detach()
        source = inputs.scale, inputs.zero_point
        geometry = of.stride, of.padding, of.dilation, of.groups
        whole = whole_numbers(weight, scales).to(torch.int8)
        pack = torch.ops.onednn.qconv_prepack
        self._weight = PackedWeights(lambda size: pack(whole, scales, *source, *geometry, size))
        result = outputs or Quantiser(1.0)
        dtype = torch.float32 if outputs is None else torch.uint8
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        self._source, self._scales = source, (scales, zeros)
        self._output: tuple[Any, ...] = (bias, *geometry, result.scale, result.zero_point, dtype)
        self._relu = "relu" if relu else "none"

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.onednn.qconv2d_pointwise.default
        weight = self._weight(x)
        result: Tensor = convolve(
            x, *self._source, weight, *self._scales, *self._output, self._relu, [], ""
        )
        return result

    def onto(self, shortcut: Tensor, quantiser: Quantiser, x: Tensor) -> Tensor:
        """Returns the ReLU of the convolution plus ``shortcut``, in the shortcut's memory."""
        convolve = torch.ops.onednn.qconv2d_pointwise.binary
        weight = self._weight(x)
        scale, zero_point = quantiser.scale, quantiser.zero_point
        also = shortcut, *self._output, scale, zero_point, "sum", 1.0, self._relu, [], ""
        convolve(x, *self._source, weight, *self._scales, *also)
        return shortcut


class _ByteResidual(nn.Module):
    def __init__(
        self,
        conv1: _ByteConvolution,
        conv2: _ByteConvolution,
        skip: _ByteConvolution | None,
        shortcut: Quantiser,
    ) -> None:
        super().__init__()
        self.conv1, self.conv2, self.skip, self._shortcut = conv1, conv2, skip, shortcut

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x.clone() if self.skip is None else self.skip(x)
        return self.conv2.onto(shortcut, self._shortcut, self.conv1(x))


class _ByteLevel(nn.Module):
    """One level of an hourglass; both of its branches have the same quantiser."""

    def __init__(self, up: nn.Module, low: nn.Module) -> None:
        super().__init__()
        self.up, self.low = up, low

    def forward(self, x: Tensor) -> Tensor:
        low = F.interpolate(self.low(x), scale_factor=2.0, mode="nearest")
        result: Tensor = self.up(x)
        # OpenCV's sums of bytes saturate at 255; PyTorch's wrap around.
        into, other = (each.permute(0, 2, 3, 1).flatten(1).numpy() for each in (result, low))
        cv2.add(into, other, dst=into)
        return result


class _ToBytes(nn.Module):
    """Quantises non-negative values to bytes, in one pass."""

    def __init__(self, quantiser: Quantiser) -> None:
        super().__init__()
        self._factor = 1 / quantiser.scale

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)
        rounded = cv2.convertScaleAbs(pixels.flatten(1).numpy(), alpha=self._factor)
        return torch.from_numpy(rounded).view(pixels.shape).permute(0, 3, 1, 2)


class _FromBytes(nn.Module):
    def __init__(self, quantiser: Quantiser) -> None:
        super().__init__()
        self._scale = quantiser.scale

    def forward(self, x: Tensor) -> Tensor:
        return x * self._scale
