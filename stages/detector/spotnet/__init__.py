"""SpotNet, the detector network; imports torch, but no other SpotStream package."""

from stages.detector.spotnet.checkpoint import (
    CheckpointError,
    load_initial,
    save_checkpoint,
    with_ranges,
)
from stages.detector.spotnet.config import MAX_SCALE, PRESETS, SpotNetConfig, preset_config
from stages.detector.spotnet.model import STRIDE, SpotNet, channels_last, in_bfloat16
from stages.detector.spotnet.ranges import feature_names, feature_ranges

__all__ = [
    "MAX_SCALE",
    "PRESETS",
    "STRIDE",
    "CheckpointError",
    "SpotNet",
    "SpotNetConfig",
    "channels_last",
    "feature_names",
    "feature_ranges",
    "in_bfloat16",
    "load_initial",
    "preset_config",
    "save_checkpoint",
    "with_ranges",
]
