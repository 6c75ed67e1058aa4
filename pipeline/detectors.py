"""Builds the detector that a config specifies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pipeline.config import DetectorConfig
from pipeline.geometry import region_of
from stages.detector.compute_threads import ComputeThreads
from stages.detector.shipped import SHIPPED, find_weights
from stages.errors import ConfigError
from stages.records import Detections, Frame, StreamStart

if TYPE_CHECKING:
    from stages.detector.network_detector import NetworkDetector
    from stages.detector.own_detector import OwnDetector


class Detector(Protocol):
    """Finds vehicles in frames."""

    name: str
    description: str  # what computes the detections, human-readable
    class_names: tuple[str, ...]
    batch_size: int  # frames per batch at which it is fastest
    compute_threads: ComputeThreads | None  # threads that compute frames side by side
    is_immediate: bool  # whether it takes less time than handing messages to a thread

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections in each frame."""

    def warnings(self, start: StreamStart) -> list[str]:
        """Returns warnings to show before the first frame of a stream."""


def check_weights(config: DetectorConfig) -> None:
    """Checks that the weights file can be read, if the config uses one.

    Raises:
        ConfigError: The file does not exist or cannot be read.
    """
    file = find_weights(config.weights)
    if config.detections is not None or config.name is not None:
        return
    if file.is_file() and not os.access(file, os.R_OK):
        raise ConfigError(f"detector.weights: {file} cannot be read: check its permissions")
    if not file.is_file():
        found = "is a folder" if file.is_dir() else "does not exist"
        raise ConfigError(
            f"detector.weights must be a file or one of {', '.join(SHIPPED)}; {file} {found}"
        )


def build_detector(config: DetectorConfig, worker: int = 0) -> Detector:
    """Builds the detector for a config; workers are assigned to the GPUs in turn.

    Raises:
        ConfigError: The weights, the detection file or the class cannot be used.
    """
    if config.detections is not None:
        from stages.detector.delayed_detector import DELAYED, DelayedDetector
        from stages.detector.file_detector import FileDetector

        if str(config.detections).startswith(DELAYED):
            return DelayedDetector(str(config.detections), config.min_score, config.classes)
        return FileDetector(config.detections, config.min_score, config.classes)
    detector = _own_detector(config) if config.name is not None else _network(config, worker)
    if not config.regions:
        return detector
    from stages.detector.searched_region import RegionDetector

    return RegionDetector(detector, partial(region_of, config.regions))


def _own_detector(config: DetectorConfig) -> OwnDetector:
    from stages.detector.own_detector import OwnDetector

    assert config.name is not None
    return OwnDetector(
        config.name,
        config.settings,
        min_score=config.min_score,
        max_detections=config.max_detections,
        classes=config.classes,
    )


def _network(config: DetectorConfig, worker: int) -> NetworkDetector:
    check_weights(config)
    from stages.detector.network_detector import NetworkDetector

    return NetworkDetector(
        config.weights,
        engine=config.engine,
        precision=config.precision,
        device=config.device,
        worker=worker,
        scale=config.scale,
        min_score=config.min_score,
        max_detections=config.max_detections,
        classes=config.classes,
        threads=config.threads,
    )
