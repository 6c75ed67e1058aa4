import os

import numpy as np
import pytest

from pipeline.config import DetectorConfig
from pipeline.detectors import build_detector, check_weights
from stages.errors import ConfigError
from stages.records import Frame


@pytest.mark.parametrize("weights", ["compact", "nano"])
def test_shipped_weights_exist(weights):
    check_weights(DetectorConfig(weights=weights))


def test_missing_or_unreadable_weights_are_reported(tmp_path, monkeypatch):
    file = tmp_path / "own.safetensors"
    with pytest.raises(ConfigError, match=r"own\.safetensors does not exist$"):
        check_weights(DetectorConfig(weights=file))
    with pytest.raises(ConfigError, match=r"is a folder$"):
        check_weights(DetectorConfig(weights=tmp_path))
    file.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path != file)
    with pytest.raises(ConfigError, match=r"own\.safetensors cannot be read"):
        check_weights(DetectorConfig(weights=file))


def test_detector_is_built_with_the_settings_of_its_config(monkeypatch):
    given = {}

    def network_detector(weights, **options):
        given.update(options, weights=weights)

    monkeypatch.setattr("stages.detector.network_detector.NetworkDetector", network_detector)
    options = {
        "weights": "nano",
        "engine": "torch",
        "precision": "int8",
        "device": "cuda",
        "scale": 0.5,
        "min_score": 0.2,
        "max_detections": 7,
        "classes": ("vehicle",),
        "threads": 3,
    }
    build_detector(DetectorConfig(**options), worker=2)
    assert given == options | {"worker": 2}


class Corners:
    """Finds the whole image and, with a lower score, its corner."""

    class_names = ("image",)

    def detect(self, images):
        return [([[0, 0, *image.shape[1::-1]], [0, 0, 9, 9]], [1, 0.5], [0, 0]) for image in images]


def test_a_detector_of_ones_own_gives_the_best_detection_in_the_region_of_its_stream():
    config = DetectorConfig(
        name=f"{__name__}:Corners", regions={"north": (20, 10, 60, 40)}, max_detections=1
    )
    image = np.zeros((50, 80, 3), np.uint8)
    frames = [Frame.of_image(image, stream) for stream in ("north", "south")]
    boxes = [found.boxes.tolist() for found in build_detector(config).detect(frames)]
    assert boxes == [[[20, 10, 60, 40]], [[0, 0, 80, 50]]]
