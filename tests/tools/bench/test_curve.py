from pathlib import Path

import cv2
import pytest

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import TINY, write_config
from tools.bench.curve import Point, bench_curve, plot_curve
from tools.bench.figures import Figure
from tools.training.config import TrainingConfig


@pytest.fixture
def config(tiny_config, tmp_path):
    return write_config(tiny_config(), tmp_path)


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


def test_what_is_named_twice_is_measured_once(config):
    [point] = bench_curve([Path("compact")] * 2, [0.25] * 2, config, frames=1, rounds=1)
    assert (point.weights, point.scale, len(point.time.rounds)) == ("compact", 0.25, 1)


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


def test_weights_of_one_name_in_two_folders_are_told_apart(tmp_path):
    scores = {"drawn": {"AP50": 0.5, "AP70": 0.3}}
    files = [f"{folder}/best.safetensors" for folder in "ab"]
    points = [Point(file, 1.0, Figure(f"{file} 1", "ms/frame", (9.0,)), scores) for file in files]
    plot_curve(points, tmp_path / "curve.svg")
    drawn = (tmp_path / "curve.svg").read_text()
    assert [f"<!-- {name}, AP50 -->" in drawn for name in ("a/best", "b/best")] == [True, True]
