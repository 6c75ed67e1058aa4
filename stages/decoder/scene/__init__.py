"""A rendered traffic scene: the built-in demo, and pictures to train on."""

from stages.decoder.scene.config import SceneConfig
from stages.decoder.scene.scene import Scene, SceneFrame, random_scene

__all__ = ["Scene", "SceneConfig", "SceneFrame", "random_scene"]
