from pathlib import Path

import cv2
import pytest
import yaml

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import TINY
from tools.bench.curve import bench_curve, plot_curve
from tools.training.config import TrainingConfig


@pytest.fixture
def config(tiny_config, tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump(tiny_config().model_dump(mode="json")))
    return path


@pytest.fixture
def points(config, tmp_path):
    weights = tmp_path / "tiny.safetensors"
    values = {"data": [{"path": tmp_path}], "preset": "nano", "model": TINY, "crop": 64}
    save_checkpoint(SpotNet(TrainingConfig.model_validate(values).network()), weights)
    return bench_curve([weights, Path("compact")], [0.25, 0.5], config, frames=1, rounds=2)


def test_all_weights_are_timed_and_scored_at_all_scales(points):
    assert [(Path(point.weights).stem, point.scale) for point in points] == [
        ("tiny", 0.25),
        ("tiny", 0.5),
        ("compact", 0.25),
        ("compact", 0.5),
    ]
    for point in points:
        assert len(point.time.rounds) == 2
        assert set(point.scores["drawn"]) == {"AP50", "AP70"}


def test_what_holds_nothing_out_is_refused_before_all_is_timed(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.bench.curve.measure", None)
    with pytest.raises(ConfigError, match="no config file"):
        bench_curve([Path("compact")], [0.5], tmp_path / "none.yaml")


def test_a_panel_is_drawn_for_each_data_set(points, tmp_path):
    plot_curve(points, tmp_path / "curve.png")
    picture = cv2.imread(str(tmp_path / "curve.png"))
    assert picture.shape[1] == 600
    with pytest.raises(ConfigError, match="must end in"):
        plot_curve(points, tmp_path / "curve.txt")
