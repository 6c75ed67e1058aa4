"""AP of detectors as they run, on the scenes that a training config holds out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.errors import ConfigError, SourceError
from stages.records import Float32Array, Frame, UInt8Array
from tools.annotations.ignored import IgnoredRegions
from tools.bench.detect import MeasuredDetector
from tools.training.config import load_training_config
from tools.training.sources import ClassMap, read_sources
from tools.training.validation import IOUS, DetectedImage, average_precision


def score_detectors(
    detectors: Mapping[str, MeasuredDetector],
    config: Path,
    overrides: Sequence[str] = (),
    progress: Callable[[str], None] = lambda what: None,
    *,
    own_scale: bool = False,
) -> dict[str, dict[str, dict[str, float]]]:
    """``AP50`` and ``AP70`` by detector and data set, all classes as one.

    As ``spotstream validate`` has it, but of the whole detector: an exported int8 model too. With
    ``own_scale`` at the detectors' scale, otherwise at that of the data set or the weights.

    Raises:
        ConfigError: The config is broken, or holds out nothing.
    """
    chosen = load_training_config(config, overrides)
    validation, classes = read_sources(chosen).validation, ClassMap.of(chosen)
    if not validation:
        raise ConfigError(f"{config} holds out no scene to score on; see held_out")
    scores: dict[str, dict[str, dict[str, float]]] = {name: {} for name in detectors}
    before = {name: (each.scale, each.min_score) for name, each in detectors.items()}
    for group, (data_set, samples) in validation.items():
        images: dict[str, list[DetectedImage]] = {name: [] for name in detectors}
        for number, sample in enumerate(samples):
            progress(f"{group}: image {number + 1} of {len(samples)}")
            try:
                picture = classes.picture(sample, data_set.max_hidden)
            except SourceError:
                continue
            regions = IgnoredRegions(picture.ignored.astype(np.float64))
            for name, detector in detectors.items():
                if not own_scale:
                    detector.scale = data_set.validation_scale or detector.engine.config.scale
                detector.min_score = 0.0
                boxes, confidences = _detect(detector, picture.image)
                counted = ~regions.cover(np.zeros(len(boxes), np.int64), boxes)
                images[name].append(
                    DetectedImage(sample.scene, picture.boxes, boxes[counted], confidences[counted])
                )
        for name in detectors:
            scores[name][group] = {
                f"AP{round(iou * 100)}": average_precision(images[name], iou) for iou in IOUS
            }
    for name, detector in detectors.items():
        detector.scale, detector.min_score = before[name]
    return scores


def _detect(detector: MeasuredDetector, image: UInt8Array) -> tuple[Float32Array, Float32Array]:
    found = detector.detect([Frame.of_image(image)])[0]
    return found.boxes, found.scores
