"""AP of a network on whole images of scenes that were held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from stages.detector.peaks import detect_peaks
from stages.detector.preprocessing import input_geometry, network_input, normalise
from stages.detector.spotnet import SpotNet
from stages.errors import SourceError
from stages.records import Float32Array, UInt8Array
from tools.datasets.sample import Sample
from tools.evaluation.detection import average_precision
from tools.evaluation.ignored import IgnoredRegions
from tools.training.config import DataSetConfig
from tools.training.sources import ClassMap

IOUS = (0.5, 0.7)


def evaluate(
    model: SpotNet,
    validation: Mapping[str, tuple[DataSetConfig, list[Sample]]],
    classes: ClassMap,
) -> dict[str, dict[str, float]]:
    """``AP50`` and ``AP70`` by data set, all classes of vehicles as one.

    Detections in ignored regions, by UA-DETRAC's rule of half the area, do not count. An image
    that cannot be read is left out.
    """
    network = model.fused()
    device = next(network.parameters()).device
    scores: dict[str, dict[str, float]] = {}
    for name, (data_set, samples) in validation.items():
        scale = data_set.validation_scale or network.config.scale
        truth, boxes, confidences = [], [], []
        for sample in samples:
            try:
                picture = classes.picture(sample, data_set.max_hidden)
            except SourceError:
                continue
            found, confidence = detect(network, picture.image, scale, device)
            regions = IgnoredRegions(picture.ignored.astype(np.float64))
            frames = np.zeros(len(found), np.int64)
            counted = ~regions.cover(frames, found)
            truth.append(picture.boxes)
            boxes.append(found[counted])
            confidences.append(confidence[counted])
        scores[name] = {
            f"AP{round(iou * 100)}": average_precision(truth, boxes, confidences, iou)
            for iou in IOUS
        }
    return scores


@torch.inference_mode()
def detect(
    network: SpotNet, image: UInt8Array, scale: float, device: torch.device
) -> tuple[Float32Array, Float32Array]:
    """Boxes ``(K, 4)`` ltrb in pixels of the image, and their scores ``(K,)``."""
    geometry = input_geometry(image.shape[0], image.shape[1], network.config, scale)
    images = normalise(network_input([image], geometry).to(device))
    peaks = detect_peaks(network, images)
    offset = np.array([geometry.offset_x, geometry.offset_y] * 2, np.float32)
    factor = np.array([geometry.scale_x, geometry.scale_y] * 2, np.float32)
    boxes = (peaks.boxes[0].cpu().numpy() - offset) / factor
    limit = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
    return boxes.clip(0, limit), peaks.scores[0].cpu().numpy()


def mean_score(scores: Mapping[str, Mapping[str, float]]) -> float:
    """What the best weights are chosen by: the mean of all AP that are defined."""
    values = [value for each in scores.values() for value in each.values()]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
