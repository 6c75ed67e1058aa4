"""The training loop: steps, logging, AP on unseen scenes, checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch

from pipeline.signals import StopRequests
from stages.errors import ConfigError
from stages.folder_lock import FolderLock
from stages.wording import counted
from tools.console.interruption import interruptible
from tools.console.line_pace import LinePace
from tools.datasets.sample import Sample
from tools.training.batches import CropBatches, load_batches
from tools.training.beginning import begin
from tools.training.class_map import ClassMap
from tools.training.config import TrainingConfig
from tools.training.copies import copy_notes
from tools.training.data import TrainingData, read_training_data
from tools.training.log import EVENTS, LOSSES, SCORES, TrainingLog
from tools.training.processes import Processes, training_processes
from tools.training.run_identity import RunIdentity
from tools.training.state import BEST, CHECKPOINT, LAST, TrainingState, save_weights
from tools.training.steps import BAD_BATCHES, Steps
from tools.training.teacher import load_teacher
from tools.training.unlabelled import ignore_unlabelled
from tools.training.validation import check_readable, evaluate, mean_score

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0
"""Minimum time between progress lines of a validation."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Result of a run.

    Attributes:
        weights: File of the best weights by AP, or of the last if nothing was held out.
        steps: Total number of steps done.
        scores: AP at IoU 0.5 and 0.7 by data set, for the last weights; empty if an earlier run
            scored them.
        best_step: Number of steps after which the best weights were saved; 0 for initial weights.
        best_scores: The same APs of the best weights; empty if nothing was scored.
        complete: False if the run was interrupted; it can be resumed.
        leads: Whether this process is the one that prints to the user.
    """

    weights: Path
    steps: int
    scores: dict[str, dict[str, float]]
    best_step: int
    best_scores: dict[str, dict[str, float]]
    complete: bool
    leads: bool = True


def train(config: TrainingConfig, *, overwrite: bool = False) -> TrainingResult:
    """Trains for ``config.steps`` steps, from the checkpoint in ``config.output`` if there is one.

    If the checkpoint has more steps, it stays as it is and nothing is done.

    Writes ``best.safetensors``, ``last.safetensors``, ``checkpoint.pt``, ``log.csv``,
    ``validation.csv`` and TensorBoard's files to ``config.output``. Ctrl-C stops after the current
    step. Initial weights that are all trained are scored first, and may remain the best.

    Args:
        config: Training config.
        overwrite: Whether to start over even if there is a checkpoint; the files of the earlier run
            are removed once all inputs of this one have been read.

    Raises:
        ConfigError: A data set or the initial weights are missing or broken, no training image has
            a box to learn, no held-out image of a data set opens, the checkpoint belongs to another
            config, other data or another number of processes, or there are weights without a
            checkpoint.
        DivergedError: The loss is not finite; the batch is saved.
        OutputError: A file cannot be written, or another run writes to ``config.output``.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    log.info("reading annotations")
    data = read_training_data(config)
    if not data.training:
        raise ConfigError("every scene is held out: nothing is left to train on")
    if config.teacher is None and not data.has_boxes(classes := ClassMap.of(config)):
        reason = data.why_no_boxes(classes)
        raise ConfigError(
            f"none of {len(data.training)} training images has a box of "
            f"{', '.join(classes.index)}; {reason and f'most often, {reason}; '}"
            f"see classes, and spotstream data check"
        )
    with training_processes(config.device) as processes, ExitStack() as stack:
        if processes.leads:  # the steps of another run would mix with those of this one
            stack.callback(FolderLock(config.output, setting="output").release)
        identity = RunIdentity.of(config, data, processes.count)
        state = begin(config, identity, processes.device, overwrite=overwrite)
        if state.step > config.steps:
            return _result(config, state, {}, complete=True, leads=processes.leads)
        if processes.leads:
            if data.validation:
                log.info("looking for held-out images among those to train on")
            for note in [*data.notes, *copy_notes(data)]:
                log.warning("%s", note)
            log.info("%s", identity.data.counts())
        ignored = ignore_unlabelled(data, config, processes.device)
        if ignored and processes.leads:
            log.info("no loss from %s without a box", counted(ignored, "vehicle"))
        steps = Steps(config, state, processes, load_teacher(config, processes.device))
        run = _Run(config, data, identity, state, processes, steps)
        if overwrite:
            _remove_earlier(config.output, processes)
        if state.step and processes.leads:  # the previous run may have ended before writing them
            save_weights(state.average, config.output / LAST)
        journal = TrainingLog(config.output, state.step) if processes.leads else nullcontext()
        with journal as rows:
            return run.go(rows)


def _remove_earlier(output: Path, processes: Processes) -> None:
    """Removes the files of an earlier run, once every process has read its inputs."""
    processes.wait()
    if processes.leads:
        for name in (CHECKPOINT, BEST, LAST, LOSSES, SCORES, BAD_BATCHES, EVENTS):
            for path in output.glob(name):
                path.unlink()


@dataclass(slots=True, eq=False)
class _Run:
    """One run of the loop."""

    config: TrainingConfig
    data: TrainingData
    identity: RunIdentity
    state: TrainingState
    processes: Processes
    steps: Steps
    unreadable: set[Path] = field(default_factory=set)  # held-out images

    def go(self, journal: TrainingLog | None) -> TrainingResult:
        config, state = self.config, self.state
        crops = CropBatches(self.data, config, self.processes.rank)
        on_gpu = self.processes.device.type == "cuda"
        first = state.step * config.accumulate
        scores: dict[str, dict[str, float]] = {}
        began = time.monotonic() - state.seconds
        stop = False
        # Workers that are still starting would end with a traceback if this process ended first.
        with (
            interruptible() as stops,
            closing(load_batches(crops, first, page_locked=on_gpu)) as batches,
        ):
            while True:
                if self._validation_due() and not stop:
                    if journal is not None:
                        scores = self._validate(journal, stops)
                    stop = self.processes.any(bool(stops.count))
                if stop or state.step >= config.steps:
                    break
                if state.step == 0:
                    began = time.monotonic()  # excludes the validation of the initial weights
                terms = self.steps.take(batches)
                state.step += 1
                state.seconds = time.monotonic() - began
                stop = self.processes.any(bool(stops.count))
                losses_due = state.step % config.log_every == 0 or state.step == config.steps
                values = self.processes.mean(terms) if losses_due else {}
                if journal is None:
                    continue
                if losses_due:
                    journal.losses(state.step, state.seconds, values)
                    log.info("%s", _line(state, config, values))
                if state.step % config.save_every == 0 or self._validation_due() or stop:
                    # The checkpoint first: a run that ends in between rewrites LAST on resuming.
                    state.save(config.output, self.identity)
                    save_weights(state.average, config.output / LAST)
        return _result(config, state, scores, complete=not stop, leads=journal is not None)

    def _validation_due(self) -> bool:
        step = self.state.step
        if step == 0 and self.state.fresh:
            return False
        return step == self.config.steps or step % self.config.validate_every == 0

    def _validate(self, journal: TrainingLog, stops: StopRequests) -> dict[str, dict[str, float]]:
        """Returns the scores of this step; none if interrupted or already scored."""
        config, state = self.config, self.state
        if not self.data.validation or journal.has_scores(state.step):
            return {}
        pace, done = LinePace(LINE_SECONDS, time.monotonic()), count(1)
        total = sum(len(samples) for _, samples in self.data.validation.values())

        def until_stopped(samples: Sequence[Sample]) -> Iterator[Sample]:
            for sample in samples:
                if stops.count:
                    return
                yield sample
                scored = next(done)
                if pace.is_due(time.monotonic()):
                    log.info("step %d, unseen scenes: image %d of %d", state.step, scored, total)

        validation = {
            name: (entry, until_stopped(samples))
            for name, (entry, samples) in self.data.validation.items()
        }
        scores = evaluate(state.average, validation, ClassMap.of(config), self.unreadable)
        if stops.count:
            return {}
        for name, (_, samples) in self.data.validation.items():
            check_readable(name, samples, self.unreadable)
        log.info("step %d, unseen scenes: %s", state.step, _describe(scores))
        if (mean := mean_score(scores)) > state.best:
            if state.step == 0:  # weights without a checkpoint, which is missing yet, are refused
                state.save(config.output, self.identity)
            state.best, state.best_step, state.best_scores = mean, state.step, scores
            save_weights(state.average, config.output / BEST)
            if state.step > 0:  # the initial weights are scored again on resuming
                state.save(config.output, self.identity)
        journal.scores(state.step, scores)
        return scores


def _result(
    config: TrainingConfig,
    state: TrainingState,
    scores: dict[str, dict[str, float]],
    *,
    complete: bool,
    leads: bool,
) -> TrainingResult:
    best = config.output / BEST
    weights = best if state.best >= 0 and best.is_file() else config.output / LAST
    return TrainingResult(
        weights, state.step, scores, state.best_step, state.best_scores, complete, leads
    )


def _line(state: TrainingState, config: TrainingConfig, values: dict[str, float]) -> str:
    left = state.seconds / state.step * (config.steps - state.step) / 60
    terms = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    return f"step {state.step} of {config.steps}, {left:.0f} min left: {terms}"


def _describe(scores: dict[str, dict[str, float]]) -> str:
    return "; ".join(
        f"{name} " + ", ".join(f"{key} {value:.3f}" for key, value in each.items())
        for name, each in scores.items()
    )
