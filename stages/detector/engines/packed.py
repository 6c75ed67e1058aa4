"""PyTorch convolutions on a CPU, fused with their bias, ReLU and shortcut by oneDNN.

Unfused, every pass over memory also costs a barrier of all threads, and weights are repacked in
every call.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from stages.detector.engines.fused import (
    Activation,
    FusedConvolution,
    fuse_convolutions,
    fused_graph,
)
from stages.detector.engines.graph import DetectionGraph
from stages.detector.lru_cache import LruCache

_LAYOUTS = 24  # kept for each weight: eight input sizes, on all threads and on shares of two sizes


def packed_graph(graph: DetectionGraph) -> DetectionGraph:
    """Returns a packed copy of a graph on the CPU; the graph itself if this CPU cannot run one."""
    return fused_graph(graph, pack_convolutions)


def pack_convolutions(module: nn.Module) -> None:
    """Replaces all convolutions inside ``module``, see `fuse_convolutions`."""
    fuse_convolutions(module, _PackedConvolution)


class PackedWeights:
    """Weights in the best memory layout for each input shape and number of threads.

    oneDNN accepts any layout, but converts other layouts in every call.

    Args:
        pack: Packs the weights for an input of the given shape and this thread's number of threads.
    """

    def __init__(self, pack: Callable[[list[int]], Tensor]) -> None:
        self._pack = pack
        self._packed: LruCache[tuple[torch.Size, int], Tensor] = LruCache(_LAYOUTS)

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the weights packed for the shape of ``x`` and this thread's number of threads."""
        key = x.shape, torch.get_num_threads()
        packed = self._packed.get(key)
        if packed is None:
            packed = self._packed.keep(key, self._shared(self._pack(list(x.shape))))
        return packed

    def _shared(self, packed: Tensor) -> Tensor:
        """Returns kept weights with the same layout, if any, instead of a second copy."""
        layout = _layout(packed)
        return next((kept for kept in self._packed.values() if _layout(kept) == layout), packed)


def _layout(packed: Tensor) -> bytes:
    return torch.ops.mkldnn._get_mkldnn_serialized_md(packed).numpy().tobytes()


class _PackedConvolution(FusedConvolution):
    def __init__(self, of: nn.Conv2d, activation: Activation) -> None:
        super().__init__()
        assert isinstance(of.padding, tuple)
        self._shape = [list(of.padding), list(of.stride), list(of.dilation), of.groups]
        self._bias = None if of.bias is None else of.bias.detach()
        self._activation = activation
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        weight = of.weight.detach()
        self._weight = PackedWeights(lambda size: reorder(weight, *self._shape, size))

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise.default
        weight = self._weight(x)
        result: Tensor = convolve(x, weight, self._bias, *self._shape, self._activation, [], "")
        return result

    def onto(self, shortcut: Tensor, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise.binary
        weight = self._weight(x)
        result: Tensor = convolve(
            x, shortcut, weight, self._bias, *self._shape, "add", 1.0, "relu", [], ""
        )
        return result
