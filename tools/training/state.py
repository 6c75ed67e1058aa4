"""The state a training run needs to resume."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from stages.atomic import replacing
from stages.detector.spotnet import SpotNet, channels_last, save_checkpoint
from stages.detector.spotnet.layers import Residual
from stages.errors import ConfigError
from tools.training.config import TrainingConfig
from tools.training.run_identity import RunIdentity

CHECKPOINT = "checkpoint.pt"
BEST = "best.safetensors"
LAST = "last.safetensors"
_PROGRESS = ("step", "seconds", "best", "best_step", "best_scores", "fresh")  # as in a checkpoint


@dataclass(slots=True, eq=False)
class TrainingState:
    """Weights, their average, the optimizer and the progress.

    Attributes:
        model: Network being trained.
        average: Exponential moving average of its weights, which is validated and shipped; updated
            only in the leading process.
        optimizer: Optimizer of the model's parameters.
        step: Number of steps done.
        seconds: Time spent on them.
        best: Best mean AP so far; -1 before the first validation.
        best_step: Number of steps done when it was reached.
        best_scores: Its APs by data set.
        fresh: Whether at least some of the initial weights were untrained.
    """

    model: SpotNet
    average: SpotNet
    optimizer: optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0
    best_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    fresh: bool = True

    @classmethod
    def begin(cls, config: TrainingConfig, device: torch.device) -> TrainingState:
        """Starts a new run with random weights from the config's seed."""
        torch.manual_seed(config.seed)
        model = SpotNet(config.network())
        if model.config.squeeze_excitation:
            model.SqEx.requires_grad_(False)  # does not affect the outputs, so it gets no gradients
        model = channels_last(model.to(device)).train()
        average = copy.deepcopy(model).eval().requires_grad_(False)
        kinds = {"adamw": optim.AdamW, "adam": optim.Adam}
        optimizer = kinds[config.optimizer](
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        return cls(model, average, optimizer)

    def update_average(self, decay: float) -> None:
        """Moves the average towards the model, including batch-norm statistics."""
        kept, new = self.average.state_dict(), self.model.state_dict()
        floats = [name for name, value in kept.items() if value.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)  # a few GPU kernels for all tensors
        move([kept[name] for name in floats], [new[name] for name in floats], 0)
        for name in kept.keys() - floats:
            kept[name].copy_(new[name])

    def save(self, folder: Path, identity: RunIdentity) -> None:
        """Writes ``checkpoint.pt`` atomically.

        Raises:
            OutputError: The file cannot be written.
        """
        content = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: getattr(self, name) for name in _PROGRESS},
            **asdict(identity),
        }
        save_state(content, folder / CHECKPOINT)

    def resume(self, folder: Path, identity: RunIdentity) -> None:
        """Restores the state in ``checkpoint.pt``.

        Raises:
            ConfigError: The file cannot be read, or belongs to another config, other data, other
                weights of a teacher or finder, or another number of processes.
        """
        path = folder / CHECKPOINT
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            identity.check(content, path)
            self.model.load_state_dict(content["model"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
            for name in _PROGRESS:
                setattr(self, name, content[name])
        except ConfigError:
            raise
        except Exception as error:  # torch documents no narrower type
            raise ConfigError(f"{path} is not a readable checkpoint of a training run") from error


def save_weights(model: SpotNet, path: Path) -> None:
    """Writes fp16 safetensors atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as part:
        save_checkpoint(model, part)


def save_state(content: Mapping[str, object], path: Path) -> None:
    """Writes tensors and plain values for ``torch.load``, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as part, part.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's own, which hides the OSError
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def checkpointed(model: nn.Module) -> None:
    """Makes every residual block discard its activations and recompute them.

    This also runs its batch norms twice; their momentum is lowered so that two updates with the
    same batch equal one.
    """
    for block in model.modules():
        if isinstance(block, Residual):
            forget = partial(
                checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False
            )
            block.forward = forget  # type: ignore[method-assign]
            for norm in block.modules():
                if isinstance(norm, nn.BatchNorm2d) and norm.momentum is not None:
                    norm.momentum = 1 - (1 - norm.momentum) ** 0.5
