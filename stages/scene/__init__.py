"""A rendered traffic scene: the built-in demo, and images to train on."""

from stages.scene.config import SceneConfig, random_config
from stages.scene.scene import Scene, SceneDetails, SceneFrame

__all__ = ["Scene", "SceneConfig", "SceneDetails", "SceneFrame", "random_config"]
