"""How a network scores on whole images of scenes that were held out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stages.detector.peaks import detect_peaks
from stages.detector.preprocessing import input_geometry, network_input, normalise
from stages.detector.spotnet import SpotNet
from stages.errors import SourceError
from stages.records import Float32Array, UInt8Array
from tools.annotations.ignored import IgnoredRegions
from tools.datasets.sample import Sample
from tools.evaluation.detection import DetectionResult, judge
from tools.training.config import DataSetConfig
from tools.training.sources import ClassMap
from trackers.boxes import BoolArray, areas

log = logging.getLogger(__name__)

IOUS = (0.5, 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedImage:
    """What was found in an image, and what is there.

    Attributes:
        scene: Of the image.
        truth: ``(G, 4)`` float32 ltrb in pixels of the image.
        boxes: ``(N, 4)`` float32 ltrb, those in ignored regions left out.
        scores: ``(N,)`` float32.
    """

    scene: str
    truth: Float32Array
    boxes: Float32Array
    scores: Float32Array


def evaluate(
    model: SpotNet,
    validation: Mapping[str, tuple[DataSetConfig, Iterable[Sample]]],
    classes: ClassMap,
) -> dict[str, dict[str, float]]:
    """``AP50`` and ``AP70`` by data set, all classes of vehicles as one."""
    network = model.fused()
    scores: dict[str, dict[str, float]] = {}
    for name, (data_set, samples) in validation.items():
        scale = data_set.validation_scale or network.config.scale
        images = detect_samples(network, samples, scale, classes, data_set.max_hidden)
        scores[name] = {f"AP{round(iou * 100)}": average_precision(images, iou) for iou in IOUS}
    return scores


def detect_samples(
    network: SpotNet,
    samples: Iterable[Sample],
    scale: float,
    classes: ClassMap,
    max_hidden: float = 1.0,
) -> list[DetectedImage]:
    """Runs a fused network over samples; an image that cannot be read is left out, and told.

    Detections in ignored regions, by UA-DETRAC's rule of half the area, do not count.
    """
    device = next(network.parameters()).device
    images = []
    for sample in samples:
        try:
            picture = classes.picture(sample, max_hidden)
        except SourceError as error:
            log.warning("%s, not scored", error)
            continue
        boxes, scores = detect(network, picture.image, scale, device)
        regions = IgnoredRegions(picture.ignored.astype(np.float64))
        counted = ~regions.cover(np.zeros(len(boxes), np.int64), boxes)
        images.append(DetectedImage(sample.scene, picture.boxes, boxes[counted], scores[counted]))
    return images


@torch.inference_mode()
def detect(
    network: SpotNet, image: UInt8Array, scale: float, device: torch.device
) -> tuple[Float32Array, Float32Array]:
    """Boxes ``(K, 4)`` ltrb in pixels of the image, and their scores ``(K,)``."""
    geometry = input_geometry(image.shape[0], image.shape[1], network.config, scale)
    peaks = detect_peaks(network, normalise(network_input([image], geometry).to(device)))
    boxes = geometry.to_frame(peaks.boxes[0].cpu().numpy())
    have_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # not all of a young network's have
    return boxes[have_area], peaks.scores[0].cpu().numpy()[have_area]


def average_precision(
    images: Sequence[DetectedImage], iou: float, sizes: tuple[float, float] = (0, np.inf)
) -> float:
    """AP of vehicles whose size, the root of the area in pixels, lies in ``[sizes)``."""
    return _judged(images, iou, sizes).average_precision


def recall_at_alarms(
    images: Sequence[DetectedImage], alarms: float = 0.5, min_size: float = 16.0
) -> float:
    """Share of vehicles found, at IoU 0.5, where ``alarms`` detections an image are false.

    Vehicles smaller than ``min_size``, the root of the area in pixels, do not count.
    """
    result = _judged(images, 0.5, (min_size, np.inf))
    hits = result.hits[np.argsort(-result.scores, kind="stable")]
    allowed = np.cumsum(~hits) <= alarms * len(images)
    return float(np.count_nonzero(hits & allowed) / result.truth) if result.truth else float("nan")


def _judged(
    images: Sequence[DetectedImage], iou: float, sizes: tuple[float, float]
) -> DetectionResult:
    """Vehicles of other sizes need not be found, and what looks like them is no false alarm."""

    def outside(boxes: Float32Array) -> BoolArray:
        size = np.sqrt(areas(boxes))
        return (size < sizes[0]) | (size >= sizes[1])

    return DetectionResult.combined(
        judge(
            image.truth, image.boxes, image.scores, iou, outside(image.truth), outside(image.boxes)
        )
        for image in images
    )


def mean_score(scores: Mapping[str, Mapping[str, float]]) -> float:
    """What the best weights are chosen by: the mean of all AP that are defined."""
    values = [value for each in scores.values() for value in each.values()]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
