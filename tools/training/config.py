"""The training config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.config_file import built_in_configs
from pipeline.settings_file import load_settings
from stages.detector.spotnet import PRESETS, SpotNetConfig, preset_config
from stages.errors import ConfigError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSetConfig(_Strict):
    """A data set in any format that ``spotstream data check`` reads."""

    path: Path = Field(description="Folder of the data set.")
    scale: float = Field(1.0, gt=0, le=4, description="Resize factor on top of the random one.")
    share: float = Field(1.0, gt=0, description="Relative frequency of its images.")
    held_out: tuple[str, ...] = Field(
        (),
        description="Kept for validation: scenes, patterns of their names such as cam2_*, splits "
        "of the data set (val, test), or all.",
    )
    validation_scale: float | None = Field(
        None, gt=0, le=4, description="Input scale in validation; default: the model's."
    )
    max_hidden: float = Field(
        0.8, ge=0, le=1, description="Boxes of which a larger share is hidden give no loss."
    )
    ignored: Path | None = Field(
        None,
        description="JSON file of regions that give no loss and do not count, ltrb in pixels by "
        "image name: {'a.jpg': [[10, 20, 30, 40]]}.",
    )
    unlabelled: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Detections by the finder (default: the teacher, or else the initial weights) "
        "with at least this score and no box nearby give no loss; for annotations that omit "
        "vehicles.",
    )

    @field_validator("held_out", mode="before")
    @classmethod
    def _all(cls, value: object) -> object:
        return ("*",) if value == "all" else value


class AugmentationConfig(_Strict):
    """Augmentation of a crop."""

    scale_range: tuple[float, float] = Field((0.45, 1.4), description="Range of the random resize.")
    mosaic: float = Field(0.0, ge=0, le=1, description="Share of crops composed of four.")
    flip: float = Field(0.5, ge=0, le=1, description="Share of crops mirrored left to right.")
    paste: float = Field(
        0.0, ge=0, le=1, description="Share of crops with vehicles pasted from another image."
    )
    colour: float = Field(1.0, ge=0, le=2, description="Strength of the colour changes.")
    quality: float = Field(
        1.0, ge=0, le=2, description="Relative frequency of added blur, noise and compression."
    )

    @field_validator("scale_range")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError("scale_range must be two positive numbers, the smaller one first")
        return value


class TrainingConfig(_Strict):
    """All settings of a training run."""

    data: tuple[DataSetConfig, ...] = Field(description="Data sets to train on.", min_length=1)
    classes: dict[str, tuple[str, ...]] = Field(
        {"vehicle": ("car", "van", "bus", "truck", "others", "vehicle")},
        description="Classes of the network, each with the data set classes it includes.",
    )
    background: tuple[str, ...] = Field(
        ("bike",), description="Classes to learn as background. All others give no loss."
    )
    masks: Literal["boxes", "motion"] = Field(
        "motion",
        description="Target of the segmentation: boxes, or motion where masks/ has a mask.",
    )
    preset: str = Field("compact", description=f"Network: {', '.join(PRESETS)}.")
    model: dict[str, Any] = Field({}, description="Overrides of the preset; keys of SpotNetConfig.")
    initial: Path | None = Field(
        None,
        description="Initial weights: a file of ours, SpotNet's or CenterNet's hourglass, or the "
        "name of weights that ship. Of a wider SpotNet, the strongest channels are used.",
    )
    teacher: Path | None = Field(
        None,
        description="Weights of a teacher, given like initial, whose output is learnt as well.",
    )
    finder: Path | None = Field(
        None,
        description="Weights, given like initial, that find omitted vehicles; see data.unlabelled.",
    )
    output: Path = Field(Path("runs/compact"), description="Folder for checkpoints and logs.")
    seed: int = Field(0, ge=0, description="Seed of the random numbers.")
    crop: int = Field(384, ge=64, le=2048, description="Side of a training crop, pixels.")
    augmentation: AugmentationConfig = Field(
        AugmentationConfig(), description="How crops are varied."
    )
    batch_size: int = Field(12, ge=1, description="Crops per pass on each device.")
    accumulate: int = Field(1, ge=1, description="Passes per step.")
    steps: int = Field(10_000, ge=1, description="Optimizer steps.")
    optimizer: Literal["adamw", "adam"] = Field("adamw", description="Optimizer of torch.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay of the optimizer.")
    warmup: float = Field(0.03, ge=0, lt=1, description="Share of the steps spent warming up.")
    gradient_norm: float = Field(10.0, gt=0, description="Gradients are clipped to this norm.")
    ema_decay: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Decay of the averaged weights; default: 0.999, or 1 - 5 / steps if that is "
        "less, so that the average spans about a fifth of the run.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 if the device supports it natively."
    )
    device: str = Field(
        "auto",
        description="A torch device; cuda: a GPU, one for each process; auto: if one works.",
    )
    checkpoint_activations: bool = Field(
        False, description="Compute activations twice instead of keeping them; saves memory."
    )
    workers: int = Field(1, ge=0, le=64, description="Processes that make crops; 0: none.")
    threads: int = Field(0, ge=0, description="Torch threads; 0 leaves it to torch.")
    validate_every: int = Field(500, ge=1, description="Steps between validations.")
    save_every: int = Field(250, ge=1, description="Steps between checkpoints.")
    log_every: int = Field(
        20, ge=1, description="Steps between rows of the log; the last step always has one."
    )

    @model_validator(mode="after")
    def _consistent(self) -> TrainingConfig:
        if not self.classes:
            raise ValueError("classes must name at least one class")
        owners: dict[str, str] = {}
        for name, members in self.classes.items():
            # Exported models separate the names by commas, and results have a class in a line.
            if not name or "," in name or not name.isprintable():
                raise ValueError(
                    f"a name of classes must be a text of printable characters without commas, "
                    f"got {name!r}"
                )
            for member in members:
                if owners.setdefault(member, name) != name:
                    raise ValueError(f"class {member} belongs to more than one of classes")
                if member in self.background:
                    raise ValueError(
                        f"class {member} is in classes and in background, which is "
                        f"[{', '.join(self.background)}]; take it out, as by background: []"
                    )
        multiple = self.network().size_multiple
        if self.crop % multiple:
            raise ValueError(f"crop must be a multiple of {multiple}, got {self.crop}")
        if self.batch_size * (self.crop // multiple) ** 2 < 2:
            raise ValueError(
                f"one crop of {self.crop} leaves a single cell at the coarsest level, too few to "
                f"normalise; take a larger crop or batch_size"
            )
        return self

    def finder_setting(self) -> str | None:
        """Returns the setting whose weights find unlabelled vehicles.

        It is ``finder``, without it ``teacher``, and without that ``initial``; None if no data set
        has ``unlabelled``, or without any of these.
        """
        if all(entry.unlabelled is None for entry in self.data):
            return None
        names = ("finder", "teacher", "initial")
        return next((name for name in names if getattr(self, name) is not None), None)

    def network(self) -> SpotNetConfig:
        """Returns the config of the network to train.

        Raises:
            ValueError: There is no such preset, or ``model`` holds an invalid setting.
        """
        given_by_classes = ("class_names", "num_classes")
        allowed = [f.name for f in fields(SpotNetConfig) if f.name not in given_by_classes]
        for key in self.model:
            if key not in allowed:
                known = ", ".join(allowed)
                raise ValueError(f"unknown key model.{key}; allowed here: {known}")
        names = tuple(self.classes)
        preset_config(self.preset, names)  # its errors are not of a setting in `model`
        try:
            return preset_config(self.preset, names, **self.model)
        except ValueError as error:
            raise ValueError(f"model.{error}") from error


def load_training_config(path: Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Reads a YAML file; relative paths are relative to the working folder.

    Args:
        path: A file, or the name of one in ``configs/train/``.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: The file is missing or invalid; the message names key and value.
    """
    known = built_in_configs("train")
    path = known.get(str(path), path)
    if path.is_dir():
        built_in = ", ".join(known)
        raise ConfigError(f"{path} is a folder; a training config is a file or one of {built_in}")
    return load_settings(TrainingConfig, path, overrides)
