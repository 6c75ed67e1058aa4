"""What a training config may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.errors import ConfigError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSetConfig(_Strict):
    """A folder with ``annotations.json`` (COCO, images with a ``scene``) and ``images/``."""

    path: Path = Field(description="Folder of the data set.")
    scale: float = Field(1.0, gt=0, le=4, description="Resize applied before augmentation.")
    share: float = Field(1.0, gt=0, description="How often its images are drawn, relatively.")
    held_out: tuple[str, ...] = Field((), description="Scenes kept for validation.")
    background: tuple[str, ...] = Field(("bike",), description="Classes that are no vehicles.")


class TrainingConfig(_Strict):
    """All of a training run."""

    data: tuple[DataSetConfig, ...]
    rendered: int = Field(0, ge=0, description="Rendered scenes to add; a tenth more validate.")
    rendered_share: float = Field(1.0, gt=0, description="How often a rendered image is drawn.")
    model: dict[str, Any] = Field({}, description="Overrides of the compact SpotNet's config.")
    output: Path = Field(Path("runs/compact"), description="Folder for checkpoints and log.")
    seed: int = 0
    crop: int = Field(384, ge=64, multiple_of=32, description="Side of a training crop, pixels.")
    scale_range: tuple[float, float] = Field((0.45, 1.4), description="Random resize of a crop.")
    batch_size: int = Field(12, ge=1)
    minutes: float = Field(90, gt=0, description="Wall-clock budget; the schedule follows it.")
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    warmup: float = Field(0.03, ge=0, lt=1, description="Share of the budget spent warming up.")
    ema_decay: float = Field(0.998, ge=0, lt=1)
    threads: int = Field(0, ge=0, description="Torch threads; 0 leaves it to torch.")
    validation_scale: dict[str, float] = Field({}, description="Input scale by data set folder.")


def load_training_config(path: Path) -> TrainingConfig:
    """Reads a YAML file; relative data folders are relative to the working folder.

    Raises:
        ConfigError: The file is missing or says something it may not; names the key.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"no config file {path}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    try:
        return TrainingConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}: {first['msg']}") from error
