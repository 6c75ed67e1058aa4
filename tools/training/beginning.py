"""The initial state of a run: its own checkpoint, weights from a file, or random weights."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from stages.detector.shipped import find_weights
from stages.detector.spotnet import CheckpointError, SpotNet, load_initial
from stages.detector.weights_file import check_is_there
from stages.errors import ConfigError
from tools.training.config import TrainingConfig
from tools.training.narrowing import is_narrower, narrow
from tools.training.run_identity import RunIdentity
from tools.training.state import BEST, CHECKPOINT, LAST, TrainingState, checkpointed

log = logging.getLogger(__name__)


def begin(
    config: TrainingConfig, identity: RunIdentity, device: torch.device, *, overwrite: bool
) -> TrainingState:
    """Returns the state in which training starts or resumes.

    Args:
        config: Training config.
        identity: Identity of the run.
        device: Device of the network.
        overwrite: Whether to ignore a checkpoint and weights in ``config.output``.

    Raises:
        ConfigError: The checkpoint belongs to another config, other data or another number of
            processes, there are weights without a checkpoint, or the initial weights are missing
            or do not fit the network.
    """
    resumes = (config.output / CHECKPOINT).is_file() and not overwrite
    found = [name for name in (BEST, LAST) if (config.output / name).exists()]
    if found and not resumes and not overwrite:
        raise ConfigError(
            f"{config.output} has {' and '.join(found)}, but no {CHECKPOINT} to resume from; "
            f"choose another output, or --overwrite"
        )
    state = TrainingState.begin(config, device)
    if resumes:
        state.resume(config.output, identity)
        if state.step <= config.steps:  # otherwise, nothing is done
            log.info("resumed after step %d", state.step)
    elif config.initial is not None:
        weights = find_weights(config.initial)
        try:
            check_is_there(weights)
            state.fresh = not begin_with(state.model, weights)
        except CheckpointError as error:
            raise ConfigError(f"initial: {error}") from error
        state.average.load_state_dict(state.model.state_dict())
    if config.checkpoint_activations:
        checkpointed(state.model)
    return state


def begin_with(model: SpotNet, path: Path) -> bool:
    """Loads weights from a file: those that fit, or the strongest channels of a wider network.

    Returns:
        Whether all weights were loaded unchanged.

    Raises:
        CheckpointError: The file is missing or unreadable, or hardly anything in it fits.
        ConfigError: The wider network cannot be narrowed.
    """
    try:
        wide = SpotNet.from_checkpoint(path)
    except CheckpointError:
        wide = None  # perhaps CenterNet's, parts of which may fit
    if wide is not None and is_narrower(model, wide):
        fresh = narrow(model, wide)
        log.info("initialised with the strongest channels of %s", path)
        unchanged = False
    else:
        fresh = load_initial(model, path)
        unchanged = not fresh
    if fresh:
        log.info("not in %s, initialised at random: %s", path, ", ".join(fresh))
    if wide is None or any(key.startswith("hm.") for key in fresh):
        return unchanged
    if wide.config.num_classes < model.config.num_classes:
        unchanged = False  # classes that are still the same are no result to keep
        every = ", ".join(model.config.class_names)
        log.info("%s of %s becomes each of %s", wide.config.class_names[0], path, every)
    elif set(wide.config.class_names) != set(model.config.class_names):
        unchanged &= model.config.num_classes == 1  # others may have become quite another class
        classes = (", ".join(each.config.class_names) for each in (wide, model))
        log.warning("classes of %s: %s; in that order they become %s", path, *classes)
    return unchanged
