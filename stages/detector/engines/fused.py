"""Convolutions fused with the operations that follow them: biases, ReLUs and shortcuts.

Unfused, each of these costs a pass over memory. ``torch.compile`` does the same, but needs a C++
compiler and is slow to start.
"""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from stages.detector.engines.graph import DetectionGraph, example_images
from stages.detector.spotnet.layers import Convolution, Residual

_SCORE_TOLERANCE = 0.01  # at most, in addition to the rounding error without fusing

Activation: TypeAlias = Literal["none", "relu"]

log = logging.getLogger(__name__)


class FusedConvolution(nn.Module, ABC):
    """A convolution with its bias and the operation that follows."""

    @abstractmethod
    def onto(self, shortcut: Tensor, x: Tensor) -> Tensor:
        """Returns the ReLU of the sum of ``shortcut`` and the convolution of ``x``.

        All are ``(N, C, H, W)``; ``shortcut`` has the shape of the result.
        """


MakeConvolution: TypeAlias = Callable[[nn.Conv2d, Activation], FusedConvolution]


def fused_graph(graph: DetectionGraph, fuse: Callable[[DetectionGraph], None]) -> DetectionGraph:
    """Returns a fused copy of a graph; the graph itself if its device cannot run one.

    Args:
        graph: Graph with batch norms folded.
        fuse: Fuses the convolutions of a graph.
    """
    fused = copy.deepcopy(graph)
    device = next(graph.parameters()).device
    images = example_images(graph.network.config.size_multiple)
    images = images.random_(generator=torch.Generator().manual_seed(0)).to(device)
    try:
        with torch.inference_mode():
            fuse(fused)
            fused(images)  # the heads of sizes and offsets must run, too
            # Not the peaks: of two almost equal neighbours, rounding decides which one is a peak.
            found, plain = fused.heatmap(images), graph.heatmap(images)
            exact = copy.deepcopy(graph).in_float32().heatmap(images)
        # Both are rounded, so they may lie on opposite sides of the exact scores.
        allowed = 2 * (plain - exact).abs().max() + _SCORE_TOLERANCE
        if (found - exact).abs().max() <= allowed:
            return fused
        log.warning("fused convolutions give different scores on %s and are not used", device)
    except (RuntimeError, AttributeError) as error:
        log.info("no fused convolutions on %s: %s", device, error)
    return graph


def fuse_convolutions(module: nn.Module, make: MakeConvolution) -> None:
    """Replaces all convolutions inside ``module``, with batch norms folded, for inference.

    The results are equal except for rounding. This only works for networks from `SpotNet.fused`.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, Residual):
            setattr(module, name, _FusedResidual(child, make))
        elif isinstance(child, Convolution):
            setattr(module, name, make(child.conv, "relu"))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, make(child, "none"))
        else:
            fuse_convolutions(child, make)


class _FusedResidual(nn.Module):
    def __init__(self, of: Residual, make: MakeConvolution) -> None:
        super().__init__()
        self.conv1 = make(of.conv1, "relu")
        self.conv2 = make(of.conv2, "none")
        self.skip = of.skip
        fuse_convolutions(self.skip, make)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2.onto(self.skip(x), self.conv1(x))
