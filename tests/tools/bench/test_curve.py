from pathlib import Path

import cv2
import pytest

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import TINY
from tools.bench.curve import Point, bench_curve, plot_curve
from tools.bench.figures import Figure
from tools.training.config import TrainingConfig


def test_all_weights_are_timed_and_scored_at_all_scales(tiny_config, tmp_path):
    weights = tmp_path / "tiny.safetensors"
    values = {"data": [{"path": tmp_path}], "preset": "nano", "model": TINY, "crop": 64}
    save_checkpoint(SpotNet(TrainingConfig.model_validate(values).network()), weights)
    points = bench_curve([weights, Path("nano")], [0.25, 0.5], tiny_config(), frames=1, rounds=2)
    assert [(Path(point.weights).stem, point.scale) for point in points] == [
        ("tiny", 0.25),
        ("tiny", 0.5),
        ("nano", 0.25),
        ("nano", 0.5),
    ]
    for point in points:
        assert len(point.time.rounds) == 2
        assert set(point.scores["drawn"]) == {"AP50", "AP70"}


def test_duplicate_weights_and_scales_are_measured_once(tiny_config):
    [point] = bench_curve([Path("nano")] * 2, [0.25] * 2, tiny_config(), frames=1, rounds=1)
    assert (point.weights, point.scale, len(point.time.rounds)) == ("nano", 0.25, 1)


def test_missing_held_out_scenes_are_reported_before_anything_is_timed(
    tiny_config, data_set, monkeypatch
):
    monkeypatch.setattr("tools.bench.curve.measure", None)
    with pytest.raises(ConfigError, match="holds out no scene"):
        bench_curve([Path("compact")], [0.5], tiny_config(data=[{"path": data_set}]))


def point(weights, *data_sets):
    scores = {name: {"AP50": 0.5, "AP70": 0.3} for name in data_sets}
    return Point(weights, 1.0, Figure(f"{weights} 1", "ms/frame", (9.0,)), scores)


def test_a_panel_is_drawn_for_each_data_set(tmp_path):
    points = [point("nano", "streets", "rain")]
    plot_curve(points, tmp_path / "curve.png")
    image = cv2.imread(str(tmp_path / "curve.png"))
    assert image.shape[1] == 2 * 600
    with pytest.raises(ConfigError, match="must end in"):
        plot_curve(points, tmp_path / "curve.txt")


def test_weights_of_the_same_name_in_two_folders_are_distinguished(tmp_path):
    points = [point(f"{folder}/best.safetensors", "drawn") for folder in "ab"]
    plot_curve(points, tmp_path / "curve.svg")
    drawn = (tmp_path / "curve.svg").read_text()
    assert [f"<!-- {name}, AP50 -->" in drawn for name in ("a/best", "b/best")] == [True, True]
