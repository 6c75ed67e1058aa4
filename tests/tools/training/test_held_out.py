from functools import partial

import numpy as np
import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import change_coco
from tools.training import validation as validation_module
from tools.training.held_out import read_held_out, score_held_out


@pytest.fixture
def cars_and_vans(tiny_config):
    """Builds a config with two classes."""
    return partial(tiny_config, classes={"car": ["car"], "van": ["van"]})


@pytest.fixture
def weights_of(tiny_config, tmp_path):
    def build(*names):
        config = tiny_config(classes={name: [name] for name in names})
        save_checkpoint(SpotNet(config.network()), tmp_path / "weights.safetensors")
        return tmp_path / "weights.safetensors"

    return build


@pytest.mark.parametrize("names", [("car", "van"), ("van", "car")])
def test_classes_are_scored_by_their_names(cars_and_vans, weights_of, monkeypatch, caplog, names):
    """In any order of classes; the network finds every car, and there are only cars."""
    validation, _ = read_held_out(cars_and_vans())
    [sample] = validation["drawn"][1]
    cars = np.full(len(sample.boxes), names.index("car"))
    found = sample.boxes, np.ones(len(cars), np.float32), cars
    monkeypatch.setattr(validation_module, "detect", lambda *_: found)
    [groups] = score_held_out(cars_and_vans(), weights_of(*names))
    assert [group.name for group in groups[:2]] == ["drawn c", "drawn, all at scale 1"]
    by_class = {group.name: group for group in groups[2:]}
    assert {name: group.boxes for name, group in by_class.items()} == {
        "drawn, car": 2,
        "drawn, van": 0,
    }
    assert by_class["drawn, car"].scores["AP50"] == 1
    assert not caplog.messages


def test_data_sets_without_held_out_images_may_be_missing(tiny_config, data_set, tmp_path):
    data = [{"path": data_set, "held_out": ["c"]}, {"path": tmp_path / "gone"}]
    validation, _ = read_held_out(tiny_config(data=data))
    assert list(validation) == ["drawn"]


def test_weights_of_other_classes_have_no_scores_by_class(cars_and_vans, weights_of, caplog):
    [groups] = score_held_out(cars_and_vans(), weights_of("vehicle"))
    assert [group.name for group in groups] == ["drawn c", "drawn, all at scale 1"]
    message = "no scores by class: the weights have vehicle, the config car, van"
    assert caplog.messages == [message]


@pytest.mark.parametrize(("given", "used"), [(None, "0.75"), (0.5, "0.5")])
def test_scores_use_validation_scale_and_max_hidden_of_the_data_set(
    cars_and_vans, weights_of, data_set, given, used
):
    def hide(content):
        content["annotations"][-1]["hidden"] = 0.6

    change_coco(data_set, hide)
    entry = {"path": data_set, "held_out": ["c"], "validation_scale": 0.75, "max_hidden": 0.5}
    [groups] = score_held_out(cars_and_vans(data=[entry]), weights_of("car", "van"), given)
    assert [group.name for group in groups[:2]] == ["drawn c", f"drawn, all at scale {used}"]
    assert [group.boxes for group in groups[:2]] == [1, 1]


def test_held_out_images_of_which_none_opens_are_an_error(cars_and_vans, weights_of, data_set):
    for image in (data_set / "images").iterdir():
        image.write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"^drawn: none of 1 images that are held out opens$"):
        score_held_out(cars_and_vans(), weights_of("car", "van"))


def test_unavailable_device_is_reported(cars_and_vans, weights_of):
    with pytest.raises(ConfigError, match="device cuda:99 cannot be used"):
        score_held_out(cars_and_vans(device="cuda:99"), weights_of("car", "van"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_computes_the_scores(cars_and_vans, weights_of):
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    [groups] = score_held_out(cars_and_vans(device="cuda"), weights_of("car", "van"))
    assert torch.cuda.max_memory_allocated() > before
    assert [group.images for group in groups[:2]] == [1, 1]
