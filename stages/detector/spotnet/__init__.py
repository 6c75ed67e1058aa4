"""SpotNet, the detector network; imports torch and nothing of ours but itself."""

from stages.detector.spotnet.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from stages.detector.spotnet.config import SpotNetConfig
from stages.detector.spotnet.model import STRIDE, SpotNet, channels_last

__all__ = [
    "STRIDE",
    "CheckpointError",
    "SpotNet",
    "SpotNetConfig",
    "channels_last",
    "load_checkpoint",
    "save_checkpoint",
]
