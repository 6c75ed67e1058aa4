"""The training loop: steps, averaged weights, AP on unseen scenes, checkpoints."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

from stages.atomic import make_folder
from stages.detector.engines.torch_engine import fast_dtype
from stages.detector.preprocessing import normalise
from stages.detector.shipped import find_weights
from stages.detector.spotnet import CheckpointError, SpotNet, load_initial
from stages.errors import ConfigError, SpotStreamError
from tools.training.batches import Batch, CropBatches, load_batches
from tools.training.config import TrainingConfig
from tools.training.log import LOSSES, SCORES, TrainingLog
from tools.training.losses import spotnet_loss
from tools.training.narrowing import is_narrower, narrow
from tools.training.processes import Processes, training_processes, without_averaging
from tools.training.sources import ClassMap, Sources, read_sources
from tools.training.state import (
    CHECKPOINT,
    TrainingState,
    checkpointed,
    save_state,
    save_weights,
)
from tools.training.teacher import load_teacher, teacher_loss
from tools.training.unlabelled import ignore_unlabelled
from tools.training.validation import evaluate, mean_score

log = logging.getLogger(__name__)

BEST = "best.safetensors"
LAST = "last.safetensors"
BAD_BATCH = "bad_batch.pt"


class DivergedError(SpotStreamError):
    """The loss is not a number."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        weights: The best by AP, or the last where nothing was held out.
        steps: Done in all.
        scores: AP at IoU 0.5 and 0.7 by data set, of the last weights.
        complete: False where it was interrupted; it can be resumed.
        leads: Whether this process is the one of several that speaks to the user.
    """

    weights: Path
    steps: int
    scores: dict[str, dict[str, float]]
    complete: bool
    leads: bool = True


def train(config: TrainingConfig, *, overwrite: bool = False) -> TrainingResult:
    """Trains for ``config.steps`` steps, from the checkpoint in ``config.output`` if there is one.

    Writes there ``best.safetensors``, ``last.safetensors``, ``checkpoint.pt``, ``log.csv``,
    ``validation.csv`` and TensorBoard's files. Ctrl-C stops after the step under way.

    Args:
        config: All of the run.
        overwrite: Begin anew where there is a checkpoint; the files of the earlier run are removed
            when all that this one begins with is read.

    Raises:
        ConfigError: A data set or the initial weights are missing or broken, or the checkpoint
            belongs to another config.
        DivergedError: The loss is not finite; the batch is saved.
        OutputError: A file cannot be written.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    sources = read_sources(config)
    if not sources.training:
        raise ConfigError("every scene is held out: nothing is left to train on")
    make_folder(config.output)
    with training_processes(config.device) as processes:
        state = _begin(config, processes, overwrite)
        if processes.leads:
            for note in sources.notes:
                log.warning("%s", note)
            held = sum(len(samples) for _, samples in sources.validation.values())
            log.info("%d training and %d validation images", len(sources.training), held)
        ignored = ignore_unlabelled(sources, config, processes.device)
        if ignored and processes.leads:
            log.info("%d vehicles without a box give no loss", ignored)
        teacher = load_teacher(config, processes.device)
        run = _Run(config, sources, state, processes, teacher)
        if overwrite:
            _remove_earlier(config.output, processes)
        journal = TrainingLog(config.output, state.step) if processes.leads else nullcontext()
        with journal as rows:
            return run.go(rows)


def _begin(config: TrainingConfig, processes: Processes, overwrite: bool) -> TrainingState:
    state = TrainingState.begin(config, processes.device)
    if (config.output / CHECKPOINT).is_file() and not overwrite:
        state.resume(config.output, config)
        log.info("resumed after step %d", state.step)
    elif config.initial is not None:
        try:
            state.fresh = not begin_with(state.model, find_weights(config.initial))
        except CheckpointError as error:
            raise ConfigError(f"initial: {error}") from error
        state.average.load_state_dict(state.model.state_dict())
    if config.checkpoint_activations:
        checkpointed(state.model)
    return state


def _remove_earlier(output: Path, processes: Processes) -> None:
    """Removes what an earlier run left, once every process has all that it begins with."""
    processes.wait()
    if processes.leads:
        for name in (CHECKPOINT, BEST, LAST, LOSSES, SCORES, BAD_BATCH):
            (output / name).unlink(missing_ok=True)


def begin_with(model: SpotNet, path: Path) -> bool:
    """Gives ``model`` the weights of a file: those that fit, or the strongest of a wider network.

    Returns:
        Whether all of them are there, as they were.

    Raises:
        CheckpointError: The file is missing or unreadable, or hardly anything in it fits.
        ConfigError: The wider network cannot be narrowed.
    """
    try:
        wide = SpotNet.from_checkpoint(path)
    except CheckpointError:
        wide = None  # CenterNet's, of which parts may fit
    if wide is not None and is_narrower(model, wide):
        narrow(model, wide)
        log.info("begun with the strongest channels of %s", path)
        return False
    fresh = load_initial(model, path)
    if fresh:
        log.info("not in %s, begun at random: %s", path, ", ".join(fresh))
    return not fresh


@dataclass(slots=True, eq=False)
class _Run:
    """One run of the loop."""

    config: TrainingConfig
    sources: Sources
    state: TrainingState
    processes: Processes
    teacher: SpotNet | None

    def go(self, journal: TrainingLog | None) -> TrainingResult:
        config, state = self.config, self.state
        model = self.processes.spread(state.model)
        crops = CropBatches(self.sources, config, self.processes.rank)
        batches = load_batches(crops, state.step * config.accumulate)
        scores: dict[str, dict[str, float]] = {}
        began = time.monotonic() - state.seconds
        stop = False
        with _interruptible() as interrupted:
            while True:
                if self._validation_due() and not stop:
                    if journal is not None:
                        scores = self._validate(journal, interrupted)
                    stop = self.processes.any(bool(interrupted))
                if stop or state.step >= config.steps:
                    break
                terms = self._step(model, batches)
                state.step += 1
                state.seconds = time.monotonic() - began
                stop = self.processes.any(bool(interrupted))
                if journal is None:
                    continue
                if state.step % config.log_every == 0:
                    values = {name: float(value) for name, value in terms.items()}
                    journal.losses(state.step, state.seconds, values)
                    log.info("%s", _line(state, config, values))
                if state.step % config.save_every == 0 or self._validation_due() or stop:
                    state.save(config.output, config)
                    save_weights(state.average, config.output / LAST)
        best = config.output / BEST
        weights = best if state.best >= 0 and best.is_file() else config.output / LAST
        return TrainingResult(weights, state.step, scores, not stop, journal is not None)

    def _step(self, model: nn.Module, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of the optimizer; the mean of each term of the loss."""
        config, state, device = self.config, self.state, self.processes.device
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
            with without_averaging(model, part == config.accumulate - 1):
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    outputs = model(images)
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
        return None if self.teacher is None else self.teacher(images)[-1]

    def _decay(self) -> float:
        """Weights that see nothing are soon forgotten by the average; those that see are not."""
        decay = self.config.ema_decay
        if not self.state.fresh:
            return decay
        return min(decay, (1 + self.state.step) / (10 + self.state.step))

    def _give_up(self, batch: Batch, terms: dict[str, Tensor]) -> None:
        path = self.config.output / BAD_BATCH
        content = {"step": self.state.step, "images": batch.images, "names": batch.names}
        save_state(content, path)
        wrong = ", ".join(name for name, value in terms.items() if not torch.isfinite(value))
        raise DivergedError(
            f"the loss ({wrong}) is not finite in step {self.state.step + 1}; its crops are in "
            f"{path}, from {batch.names[0]} and others. Checkpoints from before it stay; "
            f"try a lower learning_rate"
        )

    def _validation_due(self) -> bool:
        step = self.state.step
        return step == self.config.steps or (step > 0 and step % self.config.validate_every == 0)

    def _validate(
        self, journal: TrainingLog, interrupted: Sequence[int]
    ) -> dict[str, dict[str, float]]:
        """Scores of this step; none where it was interrupted, or has been scored before."""
        config, state = self.config, self.state
        if not self.sources.validation or journal.has_scores(state.step):
            return {}
        validation = {
            name: (entry, takewhile(lambda _: not interrupted, samples))
            for name, (entry, samples) in self.sources.validation.items()
        }
        scores = evaluate(state.average, validation, ClassMap.of(config))
        if interrupted:
            return {}
        log.info("step %d, unseen scenes: %s", state.step, _describe(scores))
        if (mean := mean_score(scores)) > state.best:
            state.best = mean
            save_weights(state.average, config.output / BEST)
            state.save(config.output, config)
        journal.scores(state.step, scores)
        return scores


def _line(state: TrainingState, config: TrainingConfig, values: dict[str, float]) -> str:
    left = state.seconds / state.step * (config.steps - state.step) / 60
    terms = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    return f"step {state.step} of {config.steps}, {left:.0f} min left: {terms}"


def _describe(scores: dict[str, dict[str, float]]) -> str:
    return "; ".join(
        f"{name} " + ", ".join(f"{key} {value:.3f}" for key, value in each.items())
        for name, each in scores.items()
    )


def schedule(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at ``progress`` in [0, 1): linear warm-up, then cosine."""
    if progress < warmup:
        return max(0.02, progress / warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that holds something once Ctrl-C or SIGTERM came; a second one ends at once."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)
        log.info("stopping; once more ends at once")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
