"""A rendered traffic scene: the built-in demo, and images to train on."""

from stages.decoder.scene.config import SceneConfig, random_config
from stages.decoder.scene.scene import Scene, SceneDetails, SceneFrame

__all__ = ["Scene", "SceneConfig", "SceneDetails", "SceneFrame", "random_config"]
