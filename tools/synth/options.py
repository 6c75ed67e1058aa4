"""Rendering options, and the check that a folder was started with the same options."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

from stages.atomic import output_error, write_atomically
from stages.errors import ConfigError
from stages.scene import SceneConfig, random_config
from tools.console.text_formats import as_json

FRAME_RATE = Fraction(25)
MANIFEST = "synth.json"


@dataclass(frozen=True, slots=True)
class SynthOptions:
    """Options that determine a scene's files; the same options give the same files.

    Attributes:
        frames: Number of images of each scene.
        every: Every n-th frame of the scene, which has 25 per second, becomes an image.
        width: Width of the images in pixels, even.
        height: Height of the images in pixels, even.
        view: See `SceneConfig`.
        light: See `SceneConfig`.
        weather: See `SceneConfig`.
        format: ``detrac``, ``mot`` or ``both``.
        varied: Whether everything varies over wide ranges, as for training; else scenes are like
            the demo's.
    """

    frames: int = 10
    every: int = 15
    width: int = 960
    height: int = 544
    view: str = "random"
    light: str = "random"
    weather: str = "random"
    format: str = "detrac"
    varied: bool = True

    def __post_init__(self) -> None:
        self.scene(0)  # raises if a setting is out of range

    @property
    def frame_rate(self) -> Fraction:
        """Images per second of the scene."""
        return FRAME_RATE / self.every

    def scene(self, seed: int) -> SceneConfig:
        """Returns the config of a seed's scene.

        Raises:
            ConfigError: A setting is out of range.
        """
        count = (self.frames - 1) * self.every + 1
        config = SceneConfig(seed, self.width, self.height, count, FRAME_RATE)
        if self.varied:
            config = random_config(seed, self.width, self.height, frames=count)
        return replace(config, view=self.view, light=self.light, weather=self.weather)


def scene_name(seed: int) -> str:
    """Returns ``MVI_9`` and the seed, a name that UA-DETRAC readers accept but UA-DETRAC lacks."""
    return f"MVI_9{seed:05d}"


def claim_folder(folder: Path, options: SynthOptions) -> None:
    """Records the options in ``folder``, so that no scenes with other options are added.

    Raises:
        ConfigError: The folder was started with other options.
        OutputError: The folder cannot be written.
    """
    file, wanted = folder / MANIFEST, asdict(options)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_atomically(file, as_json(wanted))
        return
    except OSError as error:
        raise output_error(file, error) from error
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON; choose another --output") from error
    if not isinstance(held, dict):
        raise ConfigError(f"{file} was not written by spotstream synth; choose another --output")
    differing = [
        f"{name} {held.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if held.get(name) != value
    ]
    if differing:
        raise ConfigError(
            f"{folder} holds scenes with {', '.join(differing)}; choose another --output"
        )
