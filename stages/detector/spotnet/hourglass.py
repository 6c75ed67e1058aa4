"""The hourglass: down to 1/2^n and back up, with a branch at every level (arXiv 1603.06937)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from stages.detector.spotnet.layers import Residual


class Hourglass(nn.Module):
    """One level of an hourglass; ``low2`` holds the next level.

    Attribute names are those of the published checkpoint (``up1``, ``low1``, ``low2``, ``low3``).
    """

    def __init__(self, dims: tuple[int, ...], modules: tuple[int, ...]) -> None:
        super().__init__()
        here, below = dims[0], dims[1]
        count, count_below = modules[0], modules[1]
        self.up1 = nn.Sequential(*(Residual(here, here) for _ in range(count)))
        self.low1 = nn.Sequential(
            Residual(here, below, 2), *(Residual(below, below) for _ in range(count - 1))
        )
        self.low2: nn.Module = (
            Hourglass(dims[1:], modules[1:])
            if len(dims) > 2
            else nn.Sequential(*(Residual(below, below) for _ in range(count_below)))
        )
        self.low3 = nn.Sequential(
            *(Residual(below, below) for _ in range(count - 1)), Residual(below, here)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, dims[0], H, W)`` to the same shape; H and W halve evenly at every level."""
        low = self.low3(self.low2(self.low1(x)))
        return self.up1(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")
