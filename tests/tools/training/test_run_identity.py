"""A run goes on with the settings, data, teacher and finder that it began with."""

from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import change_coco, write_coco
from tools.training.data import read_training_data
from tools.training.run_identity import DataIdentity, RunIdentity
from tools.training.trainer import train


def test_another_config_does_not_resume(tiny_config):
    train(tiny_config(steps=1))
    with pytest.raises(ConfigError, match="was trained with another learning_rate"):
        train(tiny_config(steps=2, learning_rate=0.5))
    assert train(tiny_config(steps=2, learning_rate=0.5), overwrite=True).steps == 2


@pytest.fixture
def resume(tiny_config):
    """Checks whether a run with other settings goes on from a checkpoint of the usual ones."""
    config = tiny_config()
    data = read_training_data(config)
    content = asdict(RunIdentity.of(config, data))

    def check(**changes):
        RunIdentity.of(tiny_config(**changes), data).check(content, Path("checkpoint.pt"))

    return check


@pytest.mark.parametrize(
    "setting",
    [{"output": "elsewhere"}, {"steps": 9}, {"workers": 1}, {"threads": 2}, {"device": "cuda"},
     {"validate_every": 9}, {"save_every": 9}, {"log_every": 9}, {"checkpoint_activations": True}],
    ids=lambda setting: next(iter(setting)),
)  # fmt: skip
def test_settings_that_do_not_change_what_is_learnt_may_change(resume, setting):
    resume(**setting)


@pytest.mark.parametrize(
    ("setting", "named"),
    [({"seed": 1}, "seed"), ({"batch_size": 3}, "batch_size"), ({"accumulate": 2}, "accumulate"),
     ({"data": [{"path": "elsewhere"}]}, r"data \(or path of it\)"),
     ({"ema_decay": 0.5, "crop": 128}, "crop, ema_decay")],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)  # fmt: skip
def test_settings_that_change_what_is_learnt_may_not(resume, setting, named):
    with pytest.raises(ConfigError, match=f"was trained with another {named}; choose"):
        resume(**setting)


def test_classes_in_another_order_do_not_resume(tiny_config):
    """They are the heatmap's: one class would go on by the weights of another."""
    train(tiny_config(steps=1, classes={"car": ["car"], "truck": ["truck"]}))
    with pytest.raises(ConfigError, match="was trained with another order of classes; choose"):
        train(tiny_config(steps=2, classes={"truck": ["truck"], "car": ["car"]}))


def test_another_number_of_processes_does_not_resume(tiny_config, tmp_path):
    train(tiny_config(steps=1))
    file = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    assert content["processes"] == 1
    torch.save(content | {"processes": 2}, file)
    with pytest.raises(ConfigError, match=r"another number of processes \(2, now 1\); choose"):
        train(tiny_config(steps=2))
    del content["processes"]  # as in older checkpoints
    torch.save(content, file)
    assert train(tiny_config(steps=2)).steps == 2


def test_blocks_that_an_earlier_release_wrote_out_resume_unless_they_were_separable(
    tiny_config, tmp_path
):
    train(tiny_config(steps=1))
    file = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    content["config"]["model"]["block"] = "separable"
    torch.save(content, file)
    with pytest.raises(ConfigError, match="was trained with another model; choose"):
        train(tiny_config(steps=2))
    content["config"]["model"]["block"] = "residual"
    torch.save(content, file)
    assert train(tiny_config(steps=2)).steps == 2


def hold_out_more(content):
    content["images"][0]["scene"] = "c"


def hold_out_another(content):
    content["images"][0]["scene"], content["images"][3]["scene"] = "c", "a"


def lose_a_box(content):
    del content["annotations"][0]


@pytest.mark.parametrize(
    ("edit", "how"),
    [
        (
            hold_out_more,
            "3 training and 1 validation image, now 2 training and 2 validation images",
        ),
        (hold_out_another, "as many images, but others, held out otherwise"),
        (
            lose_a_box,
            "as many images, but others, held out otherwise, or with other numbers of box",
        ),
    ],
)
def test_other_data_in_the_same_place_do_not_resume(tiny_config, data_set, edit, how):
    train(tiny_config(steps=1))
    change_coco(data_set, edit)
    with pytest.raises(ConfigError, match=rf"checkpoint\.pt was trained on other data: {how}"):
        train(tiny_config(steps=2))
    assert train(tiny_config(steps=2), overwrite=True).steps == 2


def test_a_checkpoint_that_does_not_tell_its_data_resumes(tiny_config, data_set, tmp_path):
    train(tiny_config(steps=1))
    file = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    del content["data"]
    torch.save(content, file)
    change_coco(data_set, hold_out_more)
    assert train(tiny_config(steps=2)).steps == 2


def test_the_order_of_images_is_none_of_the_identity(tiny_config, tmp_path):
    many = write_coco(tmp_path / "many", scenes="aabbc")
    data = read_training_data(tiny_config(data=[{"path": many, "held_out": ["c"]}]))
    backwards = replace(data, training=data.training[::-1])
    assert DataIdentity.of(backwards) == DataIdentity.of(data)


@pytest.fixture
def weights(tiny_config, tmp_path):
    """Writes a file of weights, other ones each time."""
    seeds = count()

    def write(name="weights.safetensors"):
        torch.manual_seed(next(seeds))
        save_checkpoint(SpotNet(tiny_config().network()), tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("setting", ["teacher", "finder", "initial"])
def test_other_weights_in_the_same_file_do_not_resume(tiny_config, data_set, weights, setting):
    data = [{"path": data_set, "held_out": ["c"], "unlabelled": 0.5}]
    settings = {"data": data, setting: weights()}
    train(tiny_config(**settings, steps=1))
    assert train(tiny_config(**settings, steps=2)).steps == 2
    weights()
    with pytest.raises(ConfigError, match=f"trained with other weights in the file of {setting};"):
        train(tiny_config(**settings, steps=3))
    assert train(tiny_config(**settings, steps=3), overwrite=True).steps == 3


def test_a_checkpoint_that_does_not_tell_its_weights_resumes(tiny_config, weights):
    config = tiny_config(steps=1, teacher=weights())
    train(config)
    file = config.output / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    del content["digests"]
    torch.save(content, file)
    weights()
    assert train(tiny_config(steps=2, teacher=config.teacher)).steps == 2


def test_a_teacher_that_is_gone_is_told_of_as_ever(tiny_config, weights):
    teacher = weights()
    train(tiny_config(steps=1, teacher=teacher))
    teacher.unlink()
    with pytest.raises(ConfigError, match="teacher: no weights file"):
        train(tiny_config(steps=2, teacher=teacher))


def test_weights_that_are_not_read_again_are_none_of_the_identity(tiny_config, data_set, weights):
    one, two, three = (weights(f"{name}.safetensors") for name in "123")
    given = {"initial": one, "teacher": two, "finder": three}

    def identified(**settings):
        config = tiny_config(**given, **settings)
        return set(RunIdentity.of(config, read_training_data(config)).digests)

    searching = {"data": [{"path": data_set, "unlabelled": 0.5}]}
    assert identified() == {"teacher"}
    assert identified(**searching) == {"teacher", "finder"}
    del given["finder"]
    assert identified(**searching) == {"teacher"}
    del given["teacher"]
    assert identified(**searching) == {"initial"}
    assert identified() == set()
    given["teacher"] = "nano"  # which ships
    assert identified() == {"teacher"}
