"""AP of complete detectors on the scenes that a training config holds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stages.records import Frame, UInt8Array
from tools.bench.detect import MeasuredDetector
from tools.bench.figures import Figure
from tools.datasets.sample import Sample
from tools.training.held_out import HeldOut
from tools.training.validation import Detected, average_precisions, detect_samples

Scores: TypeAlias = dict[str, dict[str, float]]
"""``AP50`` and ``AP70`` by data set."""


def score_detectors(
    detectors: Mapping[str, MeasuredDetector],
    held_out: HeldOut,
    progress: Callable[[str], None],
    *,
    own_scale: bool = False,
) -> dict[str, Scores]:
    """Scores each detector, all classes as one.

    Works like ``spotstream validate``, but on the whole detector, including exported int8 models.
    The input scale is the detector's with ``own_scale``, otherwise the data set's or the weights'.
    """
    validation, classes = held_out
    scores: dict[str, Scores] = {}
    unreadable: set[Path] = set()
    for name, detector in detectors.items():
        before = detector.scale, detector.min_score
        detector.min_score = 0.0
        scores[name] = {}
        for group, (data_set, samples) in validation.items():
            if not own_scale:
                detector.scale = data_set.validation_scale or detector.engine.config.scale
            shown = _with_progress(samples, f"{name}, {group}", progress)
            detect = partial(_detect, detector)
            images = detect_samples(detect, shown, classes, data_set.max_hidden, unreadable)
            scores[name][group] = average_precisions(images)
        detector.scale, detector.min_score = before
    return scores


def score_figures(scores: Mapping[str, Scores]) -> tuple[Figure, ...]:
    """Returns the scores as figures of one round, with units such as ``traffic AP50``."""
    return tuple(
        Figure(name, f"{group} {metric}", (value,))
        for name, groups in scores.items()
        for group, each in groups.items()
        for metric, value in each.items()
    )


def _detect(detector: MeasuredDetector, image: UInt8Array) -> Detected:
    found = detector.detect([Frame.of_image(image)])[0]
    return found.boxes, found.scores, found.classes.astype(np.int64)


def _with_progress(
    samples: Sequence[Sample], what: str, progress: Callable[[str], None]
) -> Iterator[Sample]:
    for number, sample in enumerate(samples, 1):
        progress(f"{what}: image {number} of {len(samples)}")
        yield sample
