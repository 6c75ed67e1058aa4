"""Scores of weights on the scenes that a training config holds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from stages.detector.engines.device import choose_device
from stages.detector.weights_file import load_network
from stages.errors import ConfigError
from tools.training.class_map import ClassMap
from tools.training.config import load_training_config
from tools.training.data import HeldOutSamples, read_training_data
from tools.training.validation import (
    DetectedImage,
    average_precision,
    average_precisions,
    detect,
    detect_samples,
    recall_at_alarms,
)

log = logging.getLogger(__name__)

HeldOut: TypeAlias = tuple[HeldOutSamples, ClassMap]
"""The held-out samples of a training config by data set, and its classes."""

INFINITE = float("inf")
SIZES = ((0, 16), (16, 32), (32, 64), (64, 128), (128, INFINITE))
"""Ranges of box sizes, as the square root of the area in pixels."""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """Scores of one scene, of all scenes of a data set, or of one class in all of them.

    Attributes:
        name: Name of the data set, and the scene or the class.
        images: Number of images scored.
        boxes: Number of true boxes in them.
        scores: ``AP50``, ``AP70``, ``recall``, and AP50 by size (``16-32``); NaN if there is no
            true box.
        is_scene: Whether this is one scene.
    """

    name: str
    images: int
    boxes: int
    scores: dict[str, float]
    is_scene: bool = False


def score_held_out(
    config: Path,
    overrides: Sequence[str] = (),
    weights: Path | None = None,
    scale: float | None = None,
) -> list[list[GroupScore]]:
    """Returns, for each data set, the scores of each scene, then of all scenes together.

    These scores treat all classes as one. Scores of each class over all scenes follow if the config
    has several classes and the weights have classes of the same names; if the names differ, a
    warning says so.

    The network runs on the config's ``device``.

    Args:
        config: Training config.
        overrides: ``key.path=value`` overrides of the config.
        weights: Weights file, or name of weights that ship; None for the default.
        scale: Input scale; None for the data set's, else the weights'.

    Raises:
        ConfigError: The config is invalid or holds out nothing, or the weights or the device cannot
            be used.
    """
    device = choose_device(load_training_config(config, overrides).device)
    validation, classes = read_held_out(config, overrides)
    network = load_network(weights, device)
    names = network.config.class_names
    by_class = len(names) > 1 and sorted(names) == sorted(classes.names)
    if by_class:
        classes = classes.in_order(names)
    elif len(classes.names) > 1:
        known = (", ".join(each) for each in (names, classes.names))
        log.warning("no scores by class: the weights have %s, the config %s", *known)
    data_sets = []
    for name, (data_set, samples) in validation.items():
        used = scale or data_set.validation_scale or network.config.scale
        images = detect_samples(
            partial(detect, network, used), samples, classes, data_set.max_hidden
        )
        if not images:
            raise ConfigError(f"{name}: none of {len(samples)} images that are held out opens")
        scenes: dict[str, list[DetectedImage]] = {}
        for image in images:
            scenes.setdefault(image.scene, []).append(image)
        groups = [_scored(f"{name} {scene}", own, True) for scene, own in scenes.items()]
        groups.append(_scored(f"{name}, all at scale {used:g}", images))
        if by_class:
            groups += [
                _scored(f"{name}, {label}", [image.of_class(number) for image in images])
                for number, label in enumerate(classes.names)
            ]
        data_sets.append(groups)
    return data_sets


def read_held_out(config: Path, overrides: Sequence[str] = ()) -> HeldOut:
    """Returns the samples that a training config holds out.

    Raises:
        ConfigError: The config is invalid or holds out nothing.
    """
    chosen = load_training_config(config, overrides)
    scored = tuple(data_set for data_set in chosen.data if data_set.held_out)
    if not scored:
        raise ConfigError(f"{config} holds out no scene to score on; see held_out")
    chosen = chosen.model_copy(update={"data": scored})
    return read_training_data(chosen).validation, ClassMap.of(chosen)


def _scored(name: str, images: Sequence[DetectedImage], is_scene: bool = False) -> GroupScore:
    scores = {
        **average_precisions(images),
        "recall": recall_at_alarms(images),
        **{_range(size): average_precision(images, 0.5, size) for size in SIZES},
    }
    return GroupScore(
        name, len(images), sum(len(image.truth) for image in images), scores, is_scene
    )


def _range(size: tuple[float, float]) -> str:
    return f"{size[0]:g}+" if size[1] == INFINITE else f"{size[0]:g}-{size[1]:g}"
