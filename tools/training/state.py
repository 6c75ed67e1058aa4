"""All that a training run needs to go on where it stopped."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from stages.atomic import written_aside
from stages.detector.spotnet import SpotNet, channels_last, save_checkpoint
from stages.detector.spotnet.layers import Residual, SeparableResidual
from stages.errors import ConfigError
from tools.training.config import TrainingConfig

CHECKPOINT = "checkpoint.pt"
SETTINGS_THAT_MAY_CHANGE = {"output", "steps", "workers", "threads", "device", "validate_every",
                            "save_every", "log_every", "checkpoint_activations"}  # fmt: skip


@dataclass(slots=True, eq=False)
class TrainingState:
    """Weights, their average, the optimizer and how far it came.

    Attributes:
        model: Being trained.
        average: Exponential moving average of its weights, which is validated and shipped; of
            several processes, that of the one which leads.
        optimizer: Of the model's parameters.
        step: Steps done.
        seconds: Spent on them.
        best: Best mean AP so far; -1 before the first validation.
        fresh: Whether it began with weights that see nothing yet, some of them at least.
    """

    model: SpotNet
    average: SpotNet
    optimizer: optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    fresh: bool = True

    @classmethod
    def begin(cls, config: TrainingConfig, device: torch.device) -> TrainingState:
        """A new run: weights at random, from the config's seed."""
        torch.manual_seed(config.seed)
        model = SpotNet(config.network())
        if model.config.squeeze_excitation:
            model.SqEx.requires_grad_(False)  # of no use to the outputs, so without gradients
        model = channels_last(model.to(device)).train()
        average = copy.deepcopy(model).eval()
        for parameter in average.parameters():
            parameter.requires_grad_(False)
        kinds = {"adamw": optim.AdamW, "adam": optim.Adam}
        optimizer = kinds[config.optimizer](
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        return cls(model, average, optimizer)

    def update_average(self, decay: float) -> None:
        """Moves the average towards the model; statistics of batch norms as well."""
        kept, new = self.average.state_dict(), self.model.state_dict()
        floats = [name for name, value in kept.items() if value.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)  # a few kernels of a GPU for all of them
        move([kept[name] for name in floats], [new[name] for name in floats], 0)
        for name in kept.keys() - floats:
            kept[name].copy_(new[name])

    def save(self, folder: Path, config: TrainingConfig) -> None:
        """Writes ``checkpoint.pt``; what was there stays until it is complete.

        Raises:
            OutputError: The file cannot be written.
        """
        content = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "fresh": self.fresh,
            "config": _fixed_settings(config),
        }
        save_state(content, folder / CHECKPOINT)

    def resume(self, folder: Path, config: TrainingConfig) -> None:
        """Goes on where ``checkpoint.pt`` stopped.

        Raises:
            ConfigError: The file cannot be read, or belongs to another config.
        """
        path = folder / CHECKPOINT
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            saved = content["config"]
            now = _fixed_settings(config)
            differing = sorted(key for key in now if saved.get(key) != now[key])
            if differing:
                raise ConfigError(
                    f"{path} was trained with another {', '.join(differing)}; "
                    f"choose another output, or --overwrite"
                )
            self.model.load_state_dict(content["model"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.step, self.seconds = content["step"], content["seconds"]
            self.best, self.fresh = content["best"], content["fresh"]
        except ConfigError:
            raise
        except Exception as error:  # torch documents no narrower one
            raise ConfigError(f"{path} is not a readable checkpoint of a training run") from error


def _fixed_settings(config: TrainingConfig) -> dict[str, Any]:
    """The settings that losses depend on, as plain values."""
    return config.model_dump(mode="json", exclude=SETTINGS_THAT_MAY_CHANGE)


def save_weights(model: SpotNet, path: Path) -> None:
    """Writes fp16 safetensors aside and renames them.

    Raises:
        OutputError: The file cannot be written.
    """
    with written_aside(path) as part:
        save_checkpoint(model, part)


def save_state(content: Mapping[str, object], path: Path) -> None:
    """Writes tensors and plain values aside, for ``torch.load``, and renames them.

    Raises:
        OutputError: The file cannot be written.
    """
    with written_aside(path) as part, part.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's own, in which why the file refused is lost
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def checkpointed(model: nn.Module) -> None:
    """Makes every residual block forget its activations and compute them again.

    The batch norms inside are computed twice as well; their momentum is lowered so that two
    updates by one batch come to one.
    """
    for block in model.modules():
        if isinstance(block, Residual | SeparableResidual):
            forget = partial(
                checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False
            )
            block.forward = forget  # type: ignore[method-assign]
            for norm in block.modules():
                if isinstance(norm, nn.BatchNorm2d) and norm.momentum is not None:
                    norm.momentum = 1 - (1 - norm.momentum) ** 0.5
