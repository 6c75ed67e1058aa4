"""Scores of a network on whole images of held-out scenes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from stages.detector.engines.graph import DetectionGraph
from stages.detector.preprocessing import input_geometry, network_input
from stages.detector.spotnet import SpotNet
from stages.errors import ConfigError, SourceError, SpotStreamError
from stages.records import BoolArray, Float32Array, Int64Array, UInt8Array
from tools.annotations.ignored import half_inside
from tools.datasets.sample import Sample
from tools.evaluation.detection import DetectionResult, judge
from tools.training.class_map import ClassMap
from tools.training.config import DataSetConfig
from trackers.boxes import areas

log = logging.getLogger(__name__)

RECALLED_SIZE = 16.0  # minimum size of vehicles that recall counts: √area in pixels


@dataclass(frozen=True, slots=True, eq=False)
class DetectedImage:
    """Detections and ground truth of an image.

    Attributes:
        scene: Scene of the image.
        truth: ``(G, 4)`` float32 true boxes ltrb in pixels of the image.
        boxes: ``(N, 4)`` float32 detected boxes ltrb.
        scores: ``(N,)`` float32 scores of the detections.
        truth_classes: ``(G,)`` int64 classes of the true boxes.
        classes: ``(N,)`` int64 classes of the detections.
        forgiven: ``(N,)`` bool, detections that are not false alarms even if they match nothing.
    """

    scene: str
    truth: Float32Array
    boxes: Float32Array
    scores: Float32Array
    truth_classes: Int64Array
    classes: Int64Array
    forgiven: BoolArray

    def of_class(self, number: int) -> DetectedImage:
        """Returns the image with only the boxes of one class."""
        true, found = self.truth_classes == number, self.classes == number
        return DetectedImage(
            self.scene,
            self.truth[true],
            self.boxes[found],
            self.scores[found],
            self.truth_classes[true],
            self.classes[found],
            self.forgiven[found],
        )


Detected: TypeAlias = tuple[Float32Array, Float32Array, Int64Array]
"""Boxes ``(K, 4)`` ltrb in pixels, scores ``(K,)`` and classes ``(K,)``."""

Detect: TypeAlias = Callable[[UInt8Array], Detected]
"""Takes an image ``(H, W, 3)`` BGR."""


def evaluate(
    model: SpotNet,
    validation: Mapping[str, tuple[DataSetConfig, Iterable[Sample]]],
    classes: ClassMap,
    unreadable: set[Path],
) -> dict[str, dict[str, float]]:
    """Returns ``AP50`` and ``AP70`` by data set: means over the classes that have true boxes.

    See `detect_held_out` for the arguments.
    """
    return {
        name: mean_over_classes(images, model.config.num_classes)
        for name, _, images in detect_held_out(model.fused(), validation, classes, unreadable)
    }


def detect_held_out(
    network: SpotNet,
    validation: Mapping[str, tuple[DataSetConfig, Iterable[Sample]]],
    classes: ClassMap,
    unreadable: set[Path],
    scale: float | None = None,
) -> Iterator[tuple[str, float, list[DetectedImage]]]:
    """Runs a fused network on the held-out samples of each data set, see `detect_samples`.

    Args:
        network: Fused network.
        validation: Config and held-out samples by name of the data set.
        classes: The classes to score.
        unreadable: See `detect_samples`.
        scale: Input scale; None for the data set's ``validation_scale``, else the network's.

    Yields:
        Name of a data set, the scale used, and its images.
    """
    for name, (data_set, samples) in validation.items():
        used = scale or data_set.validation_scale or network.config.scale
        detector = partial(detect, network, used)
        images = detect_samples(detector, samples, classes, data_set.max_hidden, unreadable)
        yield name, used, images


def check_readable(name: str, samples: Sequence[Sample], unreadable: Collection[Path]) -> None:
    """Checks that some of the held-out images of data set ``name`` have been read.

    Raises:
        ConfigError: All of them are ``unreadable``.
    """
    if all(sample.path in unreadable for sample in samples):
        raise ConfigError(f"{name}: none of {len(samples)} images that are held out opens")


def detect_samples(
    detector: Detect,
    samples: Iterable[Sample],
    classes: ClassMap,
    max_hidden: float,
    unreadable: set[Path],
) -> list[DetectedImage]:
    """Runs a detector on samples; unreadable images are skipped with a warning.

    Detections in ignored regions, by UA-DETRAC's rule of half the area, are not false alarms. They
    can still match a vehicle, because boxes that give no loss are ignored regions too, and there
    may be vehicles in front of them.

    Args:
        detector: The detector.
        samples: Samples of a data set.
        classes: The classes to score.
        max_hidden: See `DataSetConfig`.
        unreadable: Images that could not be read so far, to which further ones are added; the
            warning is given only for those.
    """
    images = []
    for sample in samples:
        try:
            annotated = classes.annotated_image(sample, max_hidden)
        except SourceError as error:
            if sample.path not in unreadable:
                log.warning("%s, not scored", error)
            unreadable.add(sample.path)
            continue
        boxes, scores, found = detector(annotated.image)
        forgiven = half_inside(boxes, annotated.ignored)
        images.append(
            DetectedImage(
                sample.scene, annotated.boxes, boxes, scores, annotated.classes, found, forgiven
            )
        )
    return images


@torch.inference_mode()
def detect(network: SpotNet, scale: float, image: UInt8Array) -> Detected:
    """Detects with a fused network, on its device, at input scale ``scale``; see `Detect`.

    Raises:
        SpotStreamError: The GPU's memory is full.
    """
    height, width, _ = image.shape
    geometry = input_geometry(height, width, network.config, scale)
    device = next(network.parameters()).device
    try:
        results = DetectionGraph(network)(network_input([image], geometry).to(device))
        placed, scores, classes = (found[0].cpu().numpy() for found in results)
    except torch.OutOfMemoryError as error:
        raise SpotStreamError(
            f"the memory of {device} is full with an image of {width}x{height} at scale {scale:g}: "
            f"take a lower scale (validation_scale) or smaller weights"
        ) from error
    boxes = geometry.to_frame(placed)
    have_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # early in training, some have none
    return boxes[have_area], scores[have_area], classes[have_area]


def mean_over_classes(images: Sequence[DetectedImage], count: int) -> dict[str, float]:
    """Returns ``AP50`` and ``AP70``, each the mean over those of ``count`` classes with true boxes.

    All classes as one would rate a network highly that finds vehicles, but not of which class.
    """
    by_class = ([image.of_class(number) for image in images] for number in range(count))
    scores = [
        average_precisions(each) for each in by_class if any(len(image.truth) for image in each)
    ]
    if not scores:
        return average_precisions(images)
    return {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}


def average_precisions(images: Sequence[DetectedImage]) -> dict[str, float]:
    """Returns ``AP50`` and ``AP70``."""
    return {f"AP{round(100 * iou)}": average_precision(images, iou) for iou in (0.5, 0.7)}


def average_precision(
    images: Sequence[DetectedImage], iou: float, sizes: tuple[float, float] = (0, np.inf)
) -> float:
    """Returns the AP of vehicles with a size (√area in pixels) in ``[sizes[0], sizes[1])``."""
    return _judged(images, iou, sizes).average_precision


def recall_at_alarms(images: Sequence[DetectedImage], alarms: float = 0.5) -> float:
    """Returns the recall at IoU 0.5 with ``alarms`` false detections per image.

    Vehicles smaller than `RECALLED_SIZE` do not count.
    """
    result = _judged(images, 0.5, (RECALLED_SIZE, np.inf))
    hits = result.hits[np.argsort(-result.scores, kind="stable")]
    allowed = np.cumsum(~hits) <= alarms * len(images)
    return float(np.count_nonzero(hits & allowed) / result.truth) if result.truth else float("nan")


def _judged(
    images: Sequence[DetectedImage], iou: float, sizes: tuple[float, float]
) -> DetectionResult:
    """Judges detections; vehicles and false alarms of other sizes do not count."""

    def outside(boxes: Float32Array) -> BoolArray:
        size = np.sqrt(areas(boxes))
        return (size < sizes[0]) | (size >= sizes[1])

    return DetectionResult.combined(
        judge(
            image.truth,
            image.boxes,
            image.scores,
            iou,
            neutral=outside(image.truth),
            forgiven=outside(image.boxes) | image.forgiven,
        )
        for image in images
    )


def mean_score(scores: Mapping[str, Mapping[str, float]]) -> float:
    """Returns the mean of all defined APs, which decides the best weights; NaN without any."""
    values = [value for each in scores.values() for value in each.values()]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
