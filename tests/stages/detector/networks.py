"""Small networks, and their outputs."""

import torch

from stages.detector.spotnet import SpotNetConfig

SMALL = {"stem_channels": 8, "dims": (8, 16, 16), "modules": (1, 1, 1), "head_channels": 8,
         "feature_channels": 16}  # fmt: skip
PUBLISHED = SpotNetConfig(
    stem_channels=8,
    dims=(8, 8),
    modules=(1, 1),
    feature_channels=8,
    head_channels=8,
    squeeze_excitation=False,
    size_multiple=64,
)
"""Two stacks, centred padding, attention at full resolution: the published kind, but small."""


@torch.inference_mode()
def found(network, images, cells):
    """Returns a network's logits of centres, and its boxes at ``cells``."""
    logits, features = network.locate(images)
    return logits, *network.regress(features, cells)
