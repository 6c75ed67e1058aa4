"""Finds vehicles missing from the annotation with trained weights, so that they give no loss."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch

from stages.detector.spotnet import SpotNet
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, SourceError
from stages.records import Float32Array
from tools.datasets.sample import Sample
from tools.training.config import DataSetConfig, TrainingConfig
from tools.training.data import TrainingData
from tools.training.validation import detect
from trackers.boxes import overlaps_of_smaller

log = logging.getLogger(__name__)

MAX_OVERLAP = 0.3
"""Overlap, as a fraction of the smaller box, from which a detection counts as annotated."""


def ignore_unlabelled(data: TrainingData, config: TrainingConfig, device: torch.device) -> int:
    """Ignores regions where `TrainingConfig.finder_setting` finds vehicles and no box is nearby.

    Applies only to data sets with ``unlabelled``. Every process of a run finds the same regions.

    Returns:
        Number of regions added.

    Raises:
        ConfigError: There are no such weights, or they are not a detector's.
    """
    wanted = sum(entry.unlabelled is not None for _, entry in data.training)
    if not wanted:
        return 0
    setting = config.finder_setting()
    if setting is None:
        raise ConfigError(
            "unlabelled needs a finder, a teacher or initial weights to find what is not labelled"
        )
    # The file can still be usable as initial weights: these need not be a whole detector.
    network = load_network(getattr(config, setting), device, setting=f"{setting}, for unlabelled")
    log.info("looking for vehicles without a box in %d images", wanted)
    found = 0
    for index, (sample, entry) in enumerate(data.training):
        if entry.unlabelled is None:
            continue
        regions = _unlabelled(network, sample, entry)
        ignored = np.concatenate((sample.ignored, regions))
        data.training[index] = (replace(sample, ignored=ignored), entry)
        found += len(regions)
    return found


def _unlabelled(network: SpotNet, sample: Sample, entry: DataSetConfig) -> Float32Array:
    """Returns ``(K, 4)`` ltrb detections that are not near a box of any class."""
    scale = entry.validation_scale or network.config.scale * entry.scale
    try:
        boxes, scores, _ = detect(network, scale, sample.read())
    except SourceError:
        return np.empty((0, 4), np.float32)  # reported when the image is drawn
    confident = boxes[scores >= (entry.unlabelled or 0)]
    overlaps = overlaps_of_smaller(confident, sample.boxes)
    return confident[overlaps.max(axis=1, initial=0) < MAX_OVERLAP]
