"""Scores of weights on the scenes that a training config holds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from stages.detector.engines.device import choose_device
from stages.detector.weights_file import load_network
from stages.errors import ConfigError
from tools.training.class_map import ClassMap
from tools.training.config import TrainingConfig
from tools.training.data import HeldOutSamples, read_training_data
from tools.training.validation import (
    DetectedImage,
    average_precision,
    average_precisions,
    check_readable,
    detect_held_out,
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
    config: TrainingConfig, weights: Path | None = None, scale: float | None = None
) -> list[list[GroupScore]]:
    """Returns, for each data set, the scores of each scene, then of all scenes together.

    These scores treat all classes as one. Scores of each class over all scenes follow if the config
    has several classes and the weights have classes of the same names; if the names differ, a
    warning says so.

    The network runs on the config's ``device``.

    Args:
        config: Training config.
        weights: Weights file, or name of weights that ship; None for the default.
        scale: Input scale; None for the data set's, else the weights'.

    Raises:
        ConfigError: A data set cannot be read, nothing is held out, or the weights or the device
            cannot be used.
    """
    device = choose_device(config.device)
    validation, classes = read_held_out(config)
    network = load_network(weights, device)
    names = network.config.class_names
    by_class = len(names) > 1 and sorted(names) == sorted(classes.names)
    if by_class:
        classes = classes.in_order(names)
    elif len(classes.names) > 1:
        known = (", ".join(each) for each in (names, classes.names))
        log.warning("no scores by class: the weights have %s, the config %s", *known)
    data_sets = []
    unreadable: set[Path] = set()
    for name, used, images in detect_held_out(network, validation, classes, unreadable, scale):
        check_readable(name, validation[name][1], unreadable)
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


def read_held_out(config: TrainingConfig) -> HeldOut:
    """Returns the samples that a training config holds out.

    Raises:
        ConfigError: A data set cannot be read, or nothing is held out.
    """
    scored = tuple(data_set for data_set in config.data if data_set.held_out)
    if not scored:
        raise ConfigError("the training config holds out no scene to score on; see held_out")
    config = config.model_copy(update={"data": scored})
    return read_training_data(config).validation, ClassMap.of(config)


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
