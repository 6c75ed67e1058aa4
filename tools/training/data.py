"""The data sets of a training config."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import TypeAlias

import numpy as np
from pydantic import TypeAdapter, ValidationError

from stages.errors import ConfigError
from stages.wording import counted
from tools.datasets.formats import read_data_set
from tools.datasets.sample import USED_ANYWAY, DataSet, ProblemKind, Sample
from tools.training.class_map import ClassMap
from tools.training.config import DataSetConfig, TrainingConfig
from tools.training.division import divide

log = logging.getLogger(__name__)

BOXES_LACKING = frozenset(
    {
        ProblemKind.NO_LABEL_FILE,
        ProblemKind.UNREADABLE_FILE,
        ProblemKind.UNREADABLE_ROW,
        ProblemKind.UNKNOWN_CLASS,
        ProblemKind.FLAT_BOX,
        ProblemKind.BOX_OUTSIDE,
    }
)
"""Problems that may leave an image without boxes that its annotation has or should have."""

_Ltrb: TypeAlias = tuple[float, float, float, float]

HeldOutSamples: TypeAlias = dict[str, tuple[DataSetConfig, list[Sample]]]
"""Config and held-out samples by name of the data set."""


@dataclass(slots=True, eq=False)
class TrainingData:
    """Samples for training and validation.

    Attributes:
        training: Training samples, each with the config of its data set.
        weights: ``(N,)`` probability of drawing each; sum 1.
        validation: Config and held-out samples by name of the data set.
        notes: Messages to the user about what was left out.
        lacking: Number of problems in the data sets that are `BOXES_LACKING`, by kind.
    """

    training: list[tuple[Sample, DataSetConfig]] = field(default_factory=list)
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    validation: HeldOutSamples = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lacking: Counter[str] = field(default_factory=Counter)

    def has_boxes(self, classes: ClassMap) -> bool:
        """Returns whether a training image has a box of the network's classes."""
        return any(label in classes.index for sample, _ in self.training for label in sample.labels)

    def why_no_boxes(self, classes: ClassMap) -> str:
        """Returns the most frequent reason why `has_boxes` is False; empty if none is known."""
        reasons = self.lacking + Counter(
            f"box of class {label}, which is "
            + ("background" if label in classes.background else "in neither classes nor background")
            for sample, _ in self.training
            for label in sample.labels
        )
        return "".join(f"{count} x {reason}" for reason, count in reasons.most_common(1))


def read_training_data(config: TrainingConfig) -> TrainingData:
    """Reads the annotations of all data sets; images are read when drawn.

    Raises:
        ConfigError: A data set is missing or broken, or a held-out scene is missing or is used for
            training as well.
    """
    data, weights = TrainingData(), []
    known = {member for members in config.classes.values() for member in members}
    known |= set(config.background)
    for entry in config.data:
        data_set = read_data_set(entry.path)
        samples = _with_ignored(data_set.samples, entry.ignored)
        data.notes += _notes(data_set, known)
        data.lacking.update(
            problem.kind for problem in data_set.problems if problem.kind in BOXES_LACKING
        )
        kept, held = divide(entry.path, samples, entry.held_out)
        data.notes += _unseen_splits(data_set, kept)
        if held:
            data.validation[_unused(data_set.name, data.validation)] = (entry, held)
        data.training += [(sample, entry) for sample in kept]
        weights.append(entry.share * draw_weights(kept))
    trained = {sample.path.resolve() for sample, _ in data.training}
    for name, (_, samples) in data.validation.items():
        if both := [sample for sample in samples if sample.path.resolve() in trained]:
            raise ConfigError(
                f"{name}: scene {both[0].scene} is held out, but another entry of data trains on it"
            )
    if config.teacher is None:
        data.notes += _never_seen(config, data.training)
    data.notes += _unscored(config, data.validation)
    if data.training:
        data.weights = np.concatenate(weights)
        data.weights /= data.weights.sum()
    return data


def _unscored(config: TrainingConfig, validation: HeldOutSamples) -> list[str]:
    """Returns warnings about data sets with no held-out box of a known class, whose AP is NaN."""
    classes = ClassMap.of(config).index
    return [
        f"{name}: no held-out image has a box of {', '.join(classes)}; there is nothing to score"
        for name, (_, samples) in validation.items()
        if not any(label in classes for sample in samples for label in sample.labels)
    ]


def _unseen_splits(data_set: DataSet, trained: Sequence[Sample]) -> list[str]:
    """Returns warnings about training on images of a validation or test split."""
    counts = Counter(sample.conditions.get("split") for sample in trained)
    return [
        f"{data_set.root}: {counted(counts[split], 'image')} of its split {split} "
        f"{'is' if counts[split] == 1 else 'are'} trained on; "
        f"held_out: [{split}] keeps them for validation, by which the best weights are chosen"
        for split in ("val", "test")
        if counts[split]
    ]


def _never_seen(
    config: TrainingConfig, training: Sequence[tuple[Sample, DataSetConfig]]
) -> list[str]:
    """Returns warnings about network classes without a box, for example misspelled ones."""
    there = {label for sample, _ in training for label in sample.labels}
    return [
        f"no training image has a box of class {name}, which includes {', '.join(members) or '-'}"
        for name, members in config.classes.items()
        if there.isdisjoint(members)
    ]


def _with_ignored(samples: Sequence[Sample], path: Path | None) -> list[Sample]:
    """Adds the regions of `DataSetConfig.ignored`.

    Raises:
        ConfigError: The file cannot be read, a name in it matches no image or several, or a region
            is not left, top, right, bottom.
    """
    if path is None:
        return list(samples)
    try:
        regions = TypeAdapter(dict[str, list[_Ltrb]]).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"ignored: {path}: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = "".join(f"{part}: " for part in problem["loc"][:1])
        raise ConfigError(f"ignored: {path}: {where}{problem['msg']}") from error
    images = Counter(sample.path.name for sample in samples)
    if wrong := [name for name in regions if images[name] != 1]:
        found = f"{many} images are" if (many := images[wrong[0]]) else "no image is"
        raise ConfigError(f"ignored: {path}: {found} named {wrong[0]}")
    for name, own in regions.items():
        for left, top, right, bottom in own:
            if not (left < right and top < bottom):
                raise ConfigError(
                    f"ignored: {path}: {name}: a region is [left, top, right, bottom], "
                    f"got {[left, top, right, bottom]}"
                )
    return [
        replace(sample, ignored=np.concatenate((sample.ignored, np.array(more, np.float32))))
        if (more := regions.get(sample.path.name))
        else sample
        for sample in samples
    ]


def _unused(name: str, taken: HeldOutSamples) -> str:
    others = (f"{name}#{number}" for number in count(2))
    return next(each for each in chain([name], others) if each not in taken)


def _notes(data_set: DataSet, known: set[str]) -> list[str]:
    notes = [
        f"{data_set.root}: {count} x {kind}" + ("" if kind in USED_ANYWAY else ", left out")
        for kind, count in Counter(problem.kind for problem in data_set.problems).items()
    ]
    return notes + [
        f"{data_set.root}: class {label} is in neither classes nor background: "
        f"no loss from its {counted(count, 'box', 'boxes')}"
        for label, count in data_set.label_counts().items()
        if label not in known
    ]


def draw_weights(samples: list[Sample]) -> np.ndarray:
    """Returns the ``(N,)`` probability of drawing each image of a data set, sum 1.

    A scene's weight is the square root of its number of images, so that a camera with a hundred
    near-duplicates does not crowd out one with five.
    """
    counts = Counter(sample.scene for sample in samples)
    weights = np.array([counts[sample.scene] ** -0.5 for sample in samples])
    return weights / weights.sum() if len(weights) else weights
