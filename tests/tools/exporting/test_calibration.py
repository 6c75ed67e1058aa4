import shutil

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stages.detector.engines.int8 import feature_quantisers
from stages.detector.shipped import SHIPPED, find_weights
from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.detector.weights_file import load_network
from stages.errors import ConfigError, OutputError, SourceError
from tools.exporting import calibration
from tools.exporting.calibration import calibrate
from tools.main import app


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "own.safetensors"
    torch.manual_seed(0)
    save_checkpoint(SpotNet.compact(dims=(8, 8), modules=(1, 1)), path)
    return path


def test_shipped_ranges_come_from_the_rendered_scenes(tmp_path):
    """One scene has no feature beyond the ranges of all scenes, and some nearly as large."""
    weights, messages = shutil.copy(find_weights("nano"), tmp_path / "nano.safetensors"), []
    shipped = SpotNet.from_checkpoint(weights).ranges
    calibrate(weights, pytest.fail, scenes=1, progress=messages.append)
    ranges = SpotNet.from_checkpoint(weights).ranges
    assert ranges.keys() == shipped.keys()
    for name, (low, high) in ranges.items():
        assert 1.01 * shipped[name][0] <= low
        assert 0.4 * shipped[name][1] < high <= 1.01 * shipped[name][1]
    assert ranges["pre.0"][1] > 0.9 * shipped["pre.0"][1]
    assert messages == ["image 1 of 1"]


def test_the_scenes_option_sets_the_number_of_rendered_scenes(weights, monkeypatch):
    config_of, seeds = calibration.random_config, list[int]()

    def counted(seed, *_, **options):
        seeds.append(seed)
        return config_of(seed, 320, 192, **options)  # rendered sooner

    monkeypatch.setattr(calibration, "random_config", counted)
    done = CliRunner().invoke(app, ["calibrate", str(weights), "--scenes", "2"])
    ranges = SpotNet.from_checkpoint(weights).ranges
    assert done.stdout == f"{weights}: ranges of {len(ranges)} features, from 2 images\n"
    assert len(seeds) == 2


def test_weights_can_be_calibrated_on_given_images(weights, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), rng.integers(0, 255, (80, 130, 3), np.uint8))
    result = CliRunner().invoke(app, ["calibrate", str(weights), "--images", str(folder)])
    assert result.exit_code == 0, result.output
    assert "from 2 images" in result.output
    assert SpotNet.from_checkpoint(weights).ranges["pre.0"][1] > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["own.safetensors", "pictures"]


def test_weights_that_cannot_be_calibrated_are_refused(weights, tmp_path):
    with pytest.raises(ConfigError, match=r"into \.safetensors files, got .*a\.pth"):
        calibrate(tmp_path / "a.pth", pytest.fail)
    raw = tmp_path / "raw.safetensors"
    save_checkpoint(SpotNet.compact(dims=(8, 8), modules=(1, 1), attention="raw"), raw)
    with pytest.raises(ConfigError, match="these weights are for another network"):
        calibrate(raw, pytest.fail)
    with pytest.raises(ConfigError, match="no weights file"):
        calibrate(tmp_path / "none.safetensors", pytest.fail)


def test_weights_replaced_during_calibration_are_left_alone(weights, tmp_path):
    later, picture = tmp_path / "later.safetensors", tmp_path / "a.png"
    cv2.imwrite(str(picture), np.zeros((64, 64, 3), np.uint8))
    save_checkpoint(SpotNet.compact(dims=(8, 8), modules=(1, 1)), later)
    content = later.read_bytes()
    with pytest.raises(OutputError, match=r"own\.safetensors has changed meanwhile; calibrate it"):
        calibrate(weights, pytest.fail, [picture], progress=lambda _: later.replace(weights))
    assert weights.read_bytes() == content
    with pytest.raises(OutputError, match="has changed meanwhile"):
        calibrate(weights, pytest.fail, [picture], progress=lambda _: weights.unlink())
    assert list(tmp_path.iterdir()) == [picture]


def test_unreadable_images_are_left_out_unless_all_are_unreadable(weights, tmp_path):
    picture, broken = tmp_path / "good.png", tmp_path / "broken.png"
    cv2.imwrite(str(picture), np.full((80, 130, 3), 90, np.uint8))
    broken.write_bytes(b"no picture")
    before = weights.read_bytes()
    result = CliRunner().invoke(app, ["calibrate", str(weights), "--images", str(broken)])
    assert isinstance(result.exception, SourceError)
    assert f"left out: cannot read image {broken}" in result.stderr
    assert weights.read_bytes() == before
    result = CliRunner().invoke(
        app, ["calibrate", str(weights), f"--images={broken}", f"--images={picture}"]
    )
    assert result.exit_code == 0, result.output
    assert f"left out: cannot read image {broken}" in result.stderr
    assert result.stdout.endswith(", from 1 image\n")
    assert SpotNet.from_checkpoint(weights).ranges["pre.0"][1] > 0


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_calibrated(name):
    feature_quantisers(load_network(find_weights(name)))


def test_progress_counts_the_given_images(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    messages = []
    calibrate(weights, pytest.fail, [tmp_path / "a.png"], progress=messages.append)
    assert messages == ["image 1 of 1"]
