"""The whole computation as one graph: pixels in, boxes out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stages.detector.peaks import TOP_K, detect_peaks
from stages.detector.preprocessing import Normalisation
from stages.detector.spotnet import SpotNet

INPUT = "images"
OUTPUTS = ("boxes", "scores", "classes")


class DetectionGraph(nn.Module):
    """Normalisation, network and peak search, the same for all engines and for export.

    Args:
        network: Network with batch norms folded, see `SpotNet.fused`; its dtype is used.
        top_k: Maximum number of boxes per image.
    """

    def __init__(self, network: SpotNet, top_k: int = TOP_K) -> None:
        super().__init__()
        self.network = network
        self._top_k = top_k
        first = next(network.parameters())
        self._dtype = first.dtype
        self._normalise = Normalisation(first.device)

    def in_float32(self) -> DetectionGraph:
        """Converts the graph to float32 in place, and returns it."""
        self.float()
        self._dtype = torch.float32
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(N, H, W, 3)`` uint8 BGR to boxes, scores and classes, see `detect_peaks`."""
        return detect_peaks(self.network, self._normalised(images), self._top_k)

    def heatmap(self, images: Tensor) -> Tensor:
        """``(N, H, W, 3)`` uint8 BGR to the scores of all cells: ``(N, classes, H/4, W/4)``."""
        logits, _ = self.network.locate(self._normalised(images))
        return logits.float().sigmoid()

    def _normalised(self, images: Tensor) -> Tensor:
        normalised: Tensor = self._normalise(images).to(self._dtype)
        return normalised


def example_images(size_multiple: int, size: tuple[int, int] | None = None) -> Tensor:
    """Returns an input for tracing the graph: ``(1, H, W, 3)`` uint8, black.

    Without a size it is the smallest possible, because the traced graph counts the cells of each
    input only if the example has fewer cells than the boxes requested.
    """
    return torch.zeros((1, *(size or (size_multiple, size_multiple)), 3), dtype=torch.uint8)
