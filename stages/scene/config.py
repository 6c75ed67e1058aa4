"""The settings of a rendered scene."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from stages.errors import ConfigError

VIEWS = ("drone", "intersection", "random")
LIGHTS = ("day", "dusk", "night", "random")
WEATHERS = ("clear", "rain", "random")
MAX_VEHICLES = 200


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """Settings of a rendered traffic scene; the same settings give the same pixels.

    Attributes:
        seed: Seed of everything random, >= 0.
        width: Frame width in pixels, even.
        height: Frame height in pixels, even.
        frames: Length of the scene in frames.
        frame_rate: Frames per second.
        view: ``drone`` (moving, oblique to straight down), ``intersection`` (camera on a mast)
            or ``random``.
        light: ``day``, ``dusk``, ``night`` or ``random``.
        weather: ``clear``, ``rain`` (streaks, wet and glossy ground, drops on the lens) or
            ``random`` (rain in every fourth scene).
        vehicles: Approximate number of vehicles in the whole scene, fewer where the roads are full;
            the camera sees about a third of them at a time.
        varied: Draw camera, ground and image quality from far wider ranges, as for training.
    """

    seed: int = 0
    width: int = 960
    height: int = 544
    frames: int = 150
    frame_rate: Fraction = Fraction(25)
    view: str = "drone"
    light: str = "day"
    weather: str = "clear"
    vehicles: int = 70
    varied: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"scene seed must not be negative, got {self.seed}")
        for name, size in (("width", self.width), ("height", self.height)):
            if not 64 <= size <= 8192 or size % 2:
                raise ConfigError(f"scene {name} must be even and from 64 to 8192, got {size}")
        if self.frames < 1:
            raise ConfigError(f"scene frames must be at least 1, got {self.frames}")
        if not 1 <= self.frame_rate <= 240:
            raise ConfigError(
                f"scene frame_rate must lie in [1, 240] frames per second, got {self.frame_rate}"
            )
        for name, value, known in (
            ("view", self.view, VIEWS),
            ("light", self.light, LIGHTS),
            ("weather", self.weather, WEATHERS),
        ):
            if value not in known:
                raise ConfigError(f"scene {name} must be one of {', '.join(known)}, got {value!r}")
        if not 0 <= self.vehicles <= MAX_VEHICLES:
            raise ConfigError(
                f"scene vehicles must lie in [0, {MAX_VEHICLES}], got {self.vehicles}"
            )


def random_config(seed: int, width: int, height: int, *, frames: int = 150) -> SceneConfig:
    """Returns a config with all other settings, including vehicles, drawn from wide ranges.

    The frame rate is 25 frames per second.
    """
    rng = np.random.default_rng([seed, 99])
    return SceneConfig(
        seed=seed,
        width=width,
        height=height,
        frames=frames,
        view="random",
        light="random",
        weather="random",
        vehicles=int(rng.integers(25, MAX_VEHICLES)),
        varied=True,
    )
