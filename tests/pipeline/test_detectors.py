import os

import pytest

from pipeline.config import DetectorConfig
from pipeline.detectors import build_detector, check_weights
from stages.errors import ConfigError


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
        "threads": 3,
    }
    build_detector(DetectorConfig(**options), worker=2)
    assert given == options | {"worker": 2}
