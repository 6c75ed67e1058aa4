"""Takes optimizer steps: gradients of a few batches, and the average of the weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import NoReturn, TypeAlias

import torch
from torch import Tensor, nn

from stages.detector.engines.arithmetic import fast_dtype
from stages.detector.preprocessing import Normalisation
from stages.detector.spotnet import SpotNet
from stages.errors import SpotStreamError
from tools.training.batches import Batch
from tools.training.config import TrainingConfig
from tools.training.losses import spotnet_loss
from tools.training.processes import Processes, without_averaging
from tools.training.state import TrainingState, save_state
from tools.training.teacher import teacher_loss

log = logging.getLogger(__name__)

BAD_BATCH, BAD_BATCHES = "bad_batch.pt", "bad_batch*.pt"

_Pass: TypeAlias = tuple[Batch, dict[str, Tensor]]
"""A batch and its loss terms."""


class DivergedError(SpotStreamError):
    """The loss or its gradients are not finite."""


class Steps:
    """Takes optimizer steps, which are identical in every process of a run.

    Args:
        config: Training config.
        state: State to train; the caller counts its steps.
        processes: Processes of the run.
        teacher: Teacher network, see `load_teacher`.
    """

    def __init__(
        self,
        config: TrainingConfig,
        state: TrainingState,
        processes: Processes,
        teacher: SpotNet | None,
    ) -> None:
        self._config = config
        self._state = state
        self._processes = processes
        self._teacher = teacher
        self._normalise = Normalisation(processes.device)
        self._model = processes.spread(state.model)
        self._warned: set[str] = set()

    def take(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """Takes a step with ``config.accumulate`` batches; returns the mean of each loss term.

        Raises:
            DivergedError: The loss is not finite in one of the processes; all of them raise this.
            SpotStreamError: The GPU's memory is full. Only this process raises this, and its exit
                ends the others.
        """
        try:
            return self._take(batches)
        except torch.OutOfMemoryError as error:
            raise SpotStreamError(
                f"the memory of {self._processes.device} is full: lower batch_size (and raise "
                f"accumulate), or set checkpoint_activations: true"
            ) from error

    def _take(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        config, state, device = self._config, self._state, self._processes.device
        rate = config.learning_rate * schedule(state.step / config.steps, config.warmup)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        half = config.precision == "bfloat16" or (
            config.precision == "auto" and fast_dtype(device) is torch.bfloat16
        )
        passes: list[_Pass] = []
        for part in range(config.accumulate):
            batch = next(batches)
            self._warn(batch.unreadable)
            images = self._normalise(batch.images.to(device, non_blocking=True))
            with without_averaging(self._model, part == config.accumulate - 1):
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    outputs = self._model(images)
                    taught = self._taught(images)
                terms = spotnet_loss(outputs, batch.targets.to(device))
                if taught is not None:
                    learnt = teacher_loss(outputs, taught)
                    terms |= learnt | {"total": terms["total"] + learnt["total"]}
                (terms["total"] / config.accumulate).backward()
            passes.append((batch, {name: value.detach() for name, value in terms.items()}))
        norm = nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_norm)
        # Gradients are averaged, so a non-finite loss in one process stops all of them here.
        if not torch.isfinite(norm):
            self._give_up(passes)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        if self._processes.leads:  # it also saves the average
            state.update_average(average_decay(config, state.step, fresh=state.fresh))
        each = [terms for _, terms in passes]
        return {name: torch.stack([terms[name] for terms in each]).mean() for name in each[0]}

    def _warn(self, unreadable: Sequence[str]) -> None:
        """Warns about each image once, however often it is drawn."""
        for line in unreadable:
            if line not in self._warned:
                self._warned.add(line)
                log.warning("%s, left out", line)

    @torch.no_grad()
    def _taught(self, images: Tensor) -> dict[str, Tensor] | None:
        return None if self._teacher is None else self._teacher(images)[-1]

    def _give_up(self, passes: Sequence[_Pass]) -> NoReturn:
        message = self._described(passes)
        self._processes.wait()  # until all have saved their crops: the first to end stops the rest
        raise DivergedError(
            f"{message}. Checkpoints from before it stay; begin again with a lower learning_rate "
            f"and --overwrite, or another output"
        )

    def _described(self, passes: Sequence[_Pass]) -> str:
        """Describes the failure, and saves this process's first batch with a non-finite loss."""
        step = self._state.step
        for batch, terms in passes:
            wrong = ", ".join(name for name, value in terms.items() if not value.isfinite())
            if wrong:
                path = self._processes.own(self._config.output / BAD_BATCH)
                save_state({"step": step, "images": batch.images, "names": batch.names}, path)
                return (
                    f"the loss ({wrong}) is not finite in step {step + 1}; "
                    f"its crops are in {path}, from {batch.names[0]} and others"
                )
        return f"the gradients are not finite in step {step + 1}, but the loss of this process is"


def average_decay(config: TrainingConfig, step: int, *, fresh: bool) -> float:
    """Returns the decay of the averaged weights in the 0-based ``step``.

    If a run resumes with other ``steps``, the decay follows the new value from then on, as does the
    learning rate.

    Args:
        config: Training config.
        step: Number of steps done.
        fresh: Whether some initial weights were untrained; the average then forgets them sooner.
    """
    decay = config.ema_decay
    if decay is None:
        decay = min(0.999, max(0.0, 1 - 5 / config.steps))
    return min(decay, (1 + step) / (10 + step)) if fresh else decay


def schedule(progress: float, warmup: float) -> float:
    """Returns the fraction of the peak learning rate: linear warm-up, then cosine.

    Args:
        progress: Completed fraction of the run, in [0, 1).
        warmup: Fraction of the run spent warming up.
    """
    if progress < warmup:
        return max(0.02, progress / warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
