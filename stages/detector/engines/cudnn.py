"""PyTorch convolutions on an NVIDIA GPU, fused with their bias, ReLU and shortcut by cuDNN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.detector.engines.fused import (
    Activation,
    FusedConvolution,
    fuse_convolutions,
    fused_graph,
)
from stages.detector.engines.graph import DetectionGraph


def cudnn_graph(graph: DetectionGraph) -> DetectionGraph:
    """Returns a fused copy of a graph on a GPU; the graph itself if the GPU cannot run one."""
    return fused_graph(graph, lambda copied: fuse_convolutions(copied, CudnnConvolution))


class CudnnConvolution(FusedConvolution):
    """A convolution, its bias and a ReLU in one cuDNN call.

    Args:
        of: Convolution to replace.
        activation: Operation that follows it.
    """

    def __init__(self, of: nn.Conv2d, activation: Activation) -> None:
        super().__init__()
        assert isinstance(of.padding, tuple)
        self._weight = weight = of.weight.detach()
        self._bias = weight.new_zeros(len(weight)) if of.bias is None else of.bias.detach()
        self._shape = list(of.stride), list(of.padding), list(of.dilation), of.groups
        self._activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, H, W)`` to ``(N, outputs, H / stride, W / stride)``."""
        if self._activation == "relu":
            return torch.cudnn_convolution_relu(x, self._weight, self._bias, *self._shape)
        return F.conv2d(x, self._weight, self._bias, *self._shape)

    def onto(self, shortcut: Tensor, x: Tensor) -> Tensor:
        """See `FusedConvolution`."""
        return torch.cudnn_convolution_add_relu(
            x, self._weight, shortcut, 1.0, self._bias, *self._shape
        )
