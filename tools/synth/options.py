"""What is rendered, and whether a folder was begun with the same options."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from stages.atomic import AtomicFile, output_error
from stages.decoder.scene import SceneConfig, random_config
from stages.errors import ConfigError

FORMATS = ("detrac", "mot", "both")
FRAME_RATE = Fraction(25)
MANIFEST = "synth.json"


@dataclass(frozen=True, slots=True)
class SynthOptions:
    """Options that decide what a scene's files hold; the same options give the same files.

    Attributes:
        frames: Pictures of each scene.
        every: A picture for every so many frames of the scene, which has 25 in a second.
        width: Of the pictures, pixels, even.
        height: Of the pictures, pixels, even.
        view: See `SceneConfig`; so are the next two.
        light: See there.
        weather: See there.
        format: One of `FORMATS`.
        varied: Everything from wide ranges, as for training; otherwise scenes like the demo's.
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
        if self.format not in FORMATS:
            raise ConfigError(f"--format must be one of {', '.join(FORMATS)}, got {self.format!r}")
        for name in ("frames", "every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name} must be at least 1, got {getattr(self, name)}")
        self.scene(0)

    @property
    def frame_rate(self) -> Fraction:
        """Pictures in a second of the scene."""
        return FRAME_RATE / self.every

    def scene(self, seed: int) -> SceneConfig:
        """The scene of a seed.

        Raises:
            ConfigError: A setting is out of range.
        """
        count = (self.frames - 1) * self.every + 1
        if self.varied:
            return random_config(
                seed,
                self.width,
                self.height,
                frames=count,
                view=self.view,
                light=self.light,
                weather=self.weather,
            )
        return SceneConfig(
            seed=seed,
            width=self.width,
            height=self.height,
            frames=count,
            frame_rate=FRAME_RATE,
            view=self.view,
            light=self.light,
            weather=self.weather,
        )


def scene_name(seed: int) -> str:
    """``MVI_9`` and the seed: a name that readers of UA-DETRAC take, and that UA-DETRAC has not."""
    return f"MVI_9{seed:05d}"


def claim_folder(folder: Path, options: SynthOptions) -> None:
    """Notes the options in ``folder``, so that nobody adds scenes of another kind.

    Raises:
        ConfigError: The folder was begun with other options.
        OutputError: The folder cannot be written.
    """
    file, wanted = folder / MANIFEST, asdict(options)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        with AtomicFile(file) as manifest:
            manifest.write(json.dumps(wanted, indent=2) + "\n")
        return
    except OSError as error:
        raise output_error(file, error) from error
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON; choose another --output") from error
    if not isinstance(held, dict):
        raise ConfigError(f"{file} is not of spotstream synth; choose another --output")
    differing = [
        f"{name} {held.get(name)!r} instead of {value!r}"
        for name, value in wanted.items()
        if held.get(name) != value
    ]
    if differing:
        raise ConfigError(
            f"{folder} holds scenes with {', '.join(differing)}; choose another --output"
        )
