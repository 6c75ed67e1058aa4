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

from stages.atomic import written_aside
from stages.detector.spotnet import SpotNet, channels_last, save_checkpoint
from stages.detector.spotnet.layers import Residual, SeparableResidual
from stages.errors import ConfigError
from tools.training.config import TrainingConfig
from tools.training.data_identity import DataIdentity
from tools.training.weights_identity import weights_digests

CHECKPOINT = "checkpoint.pt"
BEST = "best.safetensors"
LAST = "last.safetensors"
SETTINGS_THAT_MAY_CHANGE = {"output", "steps", "workers", "threads", "device", "validate_every",
                            "save_every", "log_every", "checkpoint_activations"}  # fmt: skip
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
        processes: Number of processes that train; each makes crops of its own.
        digests: Those of the weights files that it reads, see `weights_digests`.
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
    processes: int = 1
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, config: TrainingConfig, device: torch.device, processes: int = 1
    ) -> TrainingState:
        """Starts a new run with random weights from the config's seed."""
        torch.manual_seed(config.seed)
        model = SpotNet(config.network())
        if model.config.squeeze_excitation:
            model.SqEx.requires_grad_(False)  # does not affect the outputs, so gets no gradients
        model = channels_last(model.to(device)).train()
        average = copy.deepcopy(model).eval()
        for parameter in average.parameters():
            parameter.requires_grad_(False)
        kinds = {"adamw": optim.AdamW, "adam": optim.Adam}
        optimizer = kinds[config.optimizer](
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        digests = weights_digests(config)
        return cls(model, average, optimizer, processes=processes, digests=digests)

    def update_average(self, decay: float) -> None:
        """Moves the average towards the model, including batch-norm statistics."""
        kept, new = self.average.state_dict(), self.model.state_dict()
        floats = [name for name, value in kept.items() if value.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)  # a few GPU kernels for all tensors
        move([kept[name] for name in floats], [new[name] for name in floats], 0)
        for name in kept.keys() - floats:
            kept[name].copy_(new[name])

    def save(self, folder: Path, config: TrainingConfig, data: DataIdentity) -> None:
        """Writes ``checkpoint.pt`` atomically.

        Raises:
            OutputError: The file cannot be written.
        """
        content = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: getattr(self, name) for name in _PROGRESS},
            "processes": self.processes,
            "digests": self.digests,
            "config": _fixed_settings(config),
            "data": asdict(data),
        }
        save_state(content, folder / CHECKPOINT)

    def resume(self, folder: Path, config: TrainingConfig, data: DataIdentity) -> None:
        """Restores the state in ``checkpoint.pt``.

        Raises:
            ConfigError: The file cannot be read, or belongs to another config, other data, other
                weights of a teacher or finder, or another number of processes.
        """
        path = folder / CHECKPOINT
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            saved = content["config"]
            now = _fixed_settings(config)
            differing = sorted(key for key in now if saved.get(key) != now[key])
            if not differing and list(saved["classes"]) != list(now["classes"]):
                differing = ["order of classes"]  # the heatmap's, to which dicts are blind
            if content.get("processes", self.processes) != self.processes:  # older: not told
                differing.append("number of processes")
            if differing:
                named = ", ".join(
                    "data (or path of it)" if key == "data" else key for key in differing
                )
                raise ConfigError(
                    f"{path} was trained with another {named}; "
                    f"choose another output, or --overwrite"
                )
            if "data" in content:  # older checkpoints do not tell
                _check_data(path, DataIdentity(**content["data"]), data)
            if "digests" in content:  # likewise
                _check_weights(path, content["digests"], self.digests)
            self.model.load_state_dict(content["model"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
            for name in _PROGRESS:
                setattr(self, name, content[name])
        except ConfigError:
            raise
        except Exception as error:  # torch documents no narrower type
            raise ConfigError(f"{path} is not a readable checkpoint of a training run") from error


def _check_data(path: Path, trained_on: DataIdentity, now: DataIdentity) -> None:
    """Refuses other data: images that were trained on may now be held out."""
    if trained_on == now:
        return
    how = f"{trained_on.counts()}, now {now.counts()}"
    if trained_on.counts() == now.counts():
        how = "as many images, but others, held out otherwise, or with other numbers of boxes"
    raise ConfigError(
        f"{path} was trained on other data: {how}; choose another output (with initial: "
        f"{path.with_name('last.safetensors')}, to go on from its weights), or --overwrite"
    )


def _check_weights(path: Path, trained_with: dict[str, str], now: dict[str, str]) -> None:
    """Refuses weights that have changed in their file; one that is missing is told of later."""
    changed = [name for name in now if now[name] != trained_with.get(name)]
    if changed:
        raise ConfigError(
            f"{path} was trained with other weights in the file of {' and '.join(changed)}; "
            f"restore it, choose another output, or --overwrite"
        )


def _fixed_settings(config: TrainingConfig) -> dict[str, Any]:
    """Returns the settings that must not change on resuming, as plain values."""
    return config.model_dump(mode="json", exclude=SETTINGS_THAT_MAY_CHANGE)


def save_weights(model: SpotNet, path: Path) -> None:
    """Writes fp16 safetensors atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    with written_aside(path) as part:
        save_checkpoint(model, part)


def save_state(content: Mapping[str, object], path: Path) -> None:
    """Writes tensors and plain values for ``torch.load``, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    with written_aside(path) as part, part.open("wb") as file:
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
        if isinstance(block, Residual | SeparableResidual):
            forget = partial(
                checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False
            )
            block.forward = forget  # type: ignore[method-assign]
            for norm in block.modules():
                if isinstance(norm, nn.BatchNorm2d) and norm.momentum is not None:
                    norm.momentum = 1 - (1 - norm.momentum) ** 0.5
