"""PyTorch convolutions on a CPU, each fused with what follows it into one oneDNN call.

Otherwise biases, ReLUs and shortcuts each cost a pass over memory and a barrier of all threads, and
weights are repacked in every call. ``torch.compile`` makes the same calls, but needs a C++
compiler.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from stages.detector.engines.graph import DetectionGraph, example_images
from stages.detector.lru_cache import LruCache
from stages.detector.spotnet.layers import Convolution, Residual

_SIZES = 8  # of inputs, for which weights are kept: batches of up to eight frames of one size
_SCORES_APART = 0.02  # at most, by rounding in bfloat16

log = logging.getLogger(__name__)


def packed_graph(graph: DetectionGraph) -> DetectionGraph:
    """Returns a packed copy of a graph on the CPU; the graph itself if this CPU cannot run one."""
    packed = copy.deepcopy(graph)
    images = example_images(graph.network.config.size_multiple)
    images.random_(generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            pack_convolutions(packed)
            found, expected = packed(images)[1], graph(images)[1]
        if torch.allclose(found, expected, rtol=0, atol=_SCORES_APART):
            return packed
        log.warning("packed convolutions give different scores on this CPU and are not used")
    except (RuntimeError, AttributeError) as error:
        log.info("no packed convolutions on this CPU: %s", error)
    return graph


def pack_convolutions(module: nn.Module) -> None:
    """Replaces all convolutions inside ``module``, batch norms folded, for inference on a CPU.

    The results are the same except for rounding. Only networks from `SpotNet.fused` are known to
    work.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, Residual):
            setattr(module, name, _PackedResidual(child))
        elif isinstance(child, Convolution):
            setattr(module, name, _PackedConvolution(child.conv, "relu"))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, _PackedConvolution(child))
        else:
            pack_convolutions(child)


class WeightsBySize:
    """Weights in the memory layout that suits each shape of input.

    Args:
        pack: Packs the weights for an input of the given shape.
    """

    def __init__(self, pack: Callable[[list[int]], Tensor]) -> None:
        self._pack = pack
        self._packed: LruCache[torch.Size, Tensor] = LruCache(_SIZES)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the weights packed for the shape of ``x``."""
        packed = self._packed.get(x.shape)
        if packed is None:
            packed = self._packed.keep(x.shape, self._pack(list(x.shape)))
        return packed


class _PackedConvolution(nn.Module):
    def __init__(self, of: nn.Conv2d, then: Literal["none", "relu"] = "none") -> None:
        super().__init__()
        assert isinstance(of.padding, tuple)
        self._shape = [list(of.padding), list(of.stride), list(of.dilation), of.groups]
        self._bias = None if of.bias is None else of.bias.detach()
        self._then = then
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        weight = of.weight.detach()
        self._weight = WeightsBySize(lambda size: reorder(weight, *self._shape, size))

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise.default
        weight = self._weight(x)
        result: Tensor = convolve(x, weight, self._bias, *self._shape, self._then, [], "")
        return result

    def onto(self, shortcut: Tensor, x: Tensor) -> Tensor:
        """Returns the ReLU of the sum of the convolution and ``shortcut``."""
        convolve = torch.ops.mkldnn._convolution_pointwise.binary
        weight = self._weight(x)
        result: Tensor = convolve(
            x, shortcut, weight, self._bias, *self._shape, "add", 1.0, "relu", [], ""
        )
        return result


class _PackedResidual(nn.Module):
    def __init__(self, of: Residual) -> None:
        super().__init__()
        self.conv1 = _PackedConvolution(of.conv1, "relu")
        self.conv2 = _PackedConvolution(of.conv2)
        self.skip = of.skip
        pack_convolutions(self.skip)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2.onto(self.skip(x), self.conv1(x))
