from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import TINY
from tools.training import unlabelled
from tools.training.data import read_training_data
from tools.training.trainer import train
from tools.training.unlabelled import ignore_unlabelled

CPU = torch.device("cpu")


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.fixture
def initial(tiny_config, tmp_path):
    """Writes untrained weights."""
    network = SpotNet(tiny_config(model=TINY | {"scale": 0.75}).network())
    save_checkpoint(network, tmp_path / "initial.safetensors")
    return tmp_path / "initial.safetensors"


def fake_detections(monkeypatch, rows, scores):
    answer = boxes(*rows), np.array(scores, np.float32), np.zeros(len(rows), np.int64)
    monkeypatch.setattr(unlabelled, "detect", lambda *_: answer)


def entries(data_set):
    return [{"path": data_set, "held_out": ["c"], "unlabelled": 0.5}]


def test_confident_detections_far_from_boxes_give_no_loss(
    tiny_config, data_set, initial, monkeypatch
):
    config = tiny_config(data=entries(data_set), initial=initial)
    data = read_training_data(config)
    annotated = boxes([0, 0, 20, 20], [40, 0, 60, 20])
    sample = replace(data.training[0][0], boxes=annotated, labels=("car", "bike"))
    region = [70, 70, 80, 80]
    sample = replace(sample, ignored=boxes(region))
    data.training[:] = [(sample, data.training[0][1])]
    sure, near, unsure = [40, 40, 50, 50], [1, 1, 19, 19], [60, 60, 70, 70]
    beside, half_on = (
        [15, 15, 25, 25],
        [54, 14, 64, 24],
    )  # with 0.25 and 0.36 of their area on a box
    fake_detections(monkeypatch, [sure, near, unsure, beside, half_on], [0.5, 0.9, 0.4, 0.6, 0.6])
    assert ignore_unlabelled(data, config, CPU) == 2
    assert np.array_equal(data.training[0][0].ignored, boxes(region, sure, beside))


@pytest.mark.parametrize(("given", "expected"), [(None, 1.5), (0.6, 0.6)])
def test_images_are_searched_at_the_scale_of_their_data_set(
    tiny_config, data_set, initial, monkeypatch, given, expected
):
    used, find = set(), unlabelled.detect

    def record(network, scale, image):
        used.add(scale)
        return find(network, scale, image)

    monkeypatch.setattr(unlabelled, "detect", record)
    entry = {**entries(data_set)[0], "scale": 2.0, "validation_scale": given}
    config = tiny_config(data=[entry], initial=initial)
    ignore_unlabelled(read_training_data(config), config, CPU)
    assert used == {expected}


def test_data_sets_without_the_setting_are_unchanged(tiny_config, data_set, initial):
    config = tiny_config(initial=initial)
    data = read_training_data(config)
    before = list(data.training)
    assert ignore_unlabelled(data, config, CPU) == 0
    assert data.training == before


def test_run_searches_with_its_initial_weights(tiny_config, data_set, initial, caplog, monkeypatch):
    fake_detections(monkeypatch, [[80, 70, 90, 80]], [0.9])
    config = tiny_config(data=entries(data_set), initial=initial, steps=1)
    with caplog.at_level("INFO"):
        train(config)
    assert "looking for vehicles without a box in 3 images" in caplog.text
    assert "no loss from 3 vehicles without a box" in caplog.messages


@pytest.mark.parametrize("first", ["finder", "teacher"])
def test_finder_is_preferred_to_teacher_and_teacher_to_initial(
    tiny_config, data_set, initial, tmp_path, monkeypatch, first
):
    broken = tmp_path / "broken.safetensors"  # as are the other weights
    broken.write_bytes(b"broken")
    fake_detections(monkeypatch, [[40, 40, 50, 50]], [0.9])
    others = {"initial": broken, "teacher": broken}
    config = tiny_config(data=entries(data_set), **others | {first: initial})
    assert ignore_unlabelled(read_training_data(config), config, CPU) > 0


def test_unreadable_image_does_not_stop_the_search(tiny_config, data_set, initial):
    config = tiny_config(data=entries(data_set), initial=initial)
    data = read_training_data(config)
    for sample, _ in data.training:
        sample.path.write_bytes(b"no image")
    assert ignore_unlabelled(data, config, CPU) == 0


def test_search_without_weights_is_an_error(tiny_config, data_set):
    with pytest.raises(ConfigError, match="needs a finder, a teacher or initial weights"):
        train(tiny_config(data=entries(data_set)))


@pytest.mark.parametrize("setting", ["finder", "teacher", "initial"])
def test_unusable_weights_are_reported_with_their_setting(tiny_config, data_set, tmp_path, setting):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"broken")
    config = tiny_config(data=entries(data_set), **{setting: broken})
    with pytest.raises(
        ConfigError,
        match=rf"^{setting}, for unlabelled: .*broken\.safetensors is not a safetensors file",
    ):
        ignore_unlabelled(read_training_data(config), config, CPU)
