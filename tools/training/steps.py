"""Steps of the optimizer: gradients of a few batches, and the average of the weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from stages.detector.engines.torch_engine import fast_dtype
from stages.detector.preprocessing import normalise
from stages.detector.spotnet import SpotNet
from stages.errors import SpotStreamError
from tools.training.batches import Batch
from tools.training.config import TrainingConfig
from tools.training.losses import spotnet_loss
from tools.training.processes import Processes, without_averaging
from tools.training.state import TrainingState, save_state
from tools.training.teacher import teacher_loss

log = logging.getLogger(__name__)

BAD_BATCH = "bad_batch.pt"


class DivergedError(SpotStreamError):
    """The loss is not a number."""


class Steps:
    """Takes steps of the optimizer, the same in every process of a run.

    Args:
        config: All of the run.
        state: What is trained; its count of steps is the caller's.
        processes: Of the run.
        teacher: See `load_teacher`.
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
        self._device = processes.device
        self._teacher = teacher
        self._model = processes.spread(state.model)

    def take(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """One step, with ``config.accumulate`` batches; the mean of each term of the loss.

        Raises:
            DivergedError: The loss is not finite; the batch is saved.
        """
        config, state, device = self._config, self._state, self._device
        rate = config.learning_rate * schedule(state.step / config.steps, config.warmup)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        half = config.precision == "bfloat16" or (
            config.precision == "auto" and fast_dtype(device) is torch.bfloat16
        )
        sums: dict[str, Tensor] = {}
        for part in range(config.accumulate):
            batch = next(batches)
            for line in batch.unreadable:
                log.warning("%s, left out", line)
            images = normalise(batch.images.to(device, non_blocking=True))
            with without_averaging(self._model, part == config.accumulate - 1):
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    outputs = self._model(images)
                    taught = self._taught(images)
                terms = spotnet_loss(outputs, batch.targets.to(device))
                if taught is not None:
                    learnt = teacher_loss(outputs, taught)
                    terms |= learnt | {"total": terms["total"] + learnt["total"]}
                if not torch.isfinite(terms["total"]):
                    self._give_up(batch, terms)
                (terms["total"] / config.accumulate).backward()
            for name, value in terms.items():
                mean = value.detach() / config.accumulate
                sums[name] = sums[name] + mean if name in sums else mean
        nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_norm)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.update_average(self._decay())
        return sums

    @torch.no_grad()
    def _taught(self, images: Tensor) -> dict[str, Tensor] | None:
        return None if self._teacher is None else self._teacher(images)[-1]

    def _decay(self) -> float:
        """Weights that see nothing are soon forgotten by the average; those that see are not."""
        decay = self._config.ema_decay
        if not self._state.fresh:
            return decay
        return min(decay, (1 + self._state.step) / (10 + self._state.step))

    def _give_up(self, batch: Batch, terms: dict[str, Tensor]) -> None:
        path = self._config.output / BAD_BATCH
        content = {"step": self._state.step, "images": batch.images, "names": batch.names}
        save_state(content, path)
        wrong = ", ".join(name for name, value in terms.items() if not torch.isfinite(value))
        raise DivergedError(
            f"the loss ({wrong}) is not finite in step {self._state.step + 1}; its crops are in "
            f"{path}, from {batch.names[0]} and others. Checkpoints from before it stay; "
            f"try a lower learning_rate"
        )


def schedule(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at ``progress`` in [0, 1): linear warm-up, then cosine."""
    if progress < warmup:
        return max(0.02, progress / warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
