"""A run resumes with the settings, data, teacher and finder that it started with."""

from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import change_coco, write_coco
from tools.training.data import read_training_data
from tools.training.run_identity import DataIdentity, RunIdentity
from tools.training.trainer import train


def test_changed_config_does_not_resume(tiny_config):
    train(tiny_config(steps=1))
    with pytest.raises(ConfigError, match="was trained with another learning_rate"):
        train(tiny_config(steps=2, learning_rate=0.5))
    assert train(tiny_config(steps=2, learning_rate=0.5), overwrite=True).steps == 2


def identity_of(config):
    return RunIdentity.of(config, read_training_data(config))


@pytest.fixture
def resume(tiny_config):
    """Checks that a run resumes from a checkpoint, by default one with the usual settings."""

    def check(saved=None, **changes):
        content = asdict(saved or identity_of(tiny_config()))
        identity_of(tiny_config(**changes)).check(content, Path("checkpoint.pt"))

    return check


@pytest.mark.parametrize(
    "setting",
    [{"output": "elsewhere"}, {"steps": 9}, {"workers": 1}, {"threads": 2}, {"device": "cuda"},
     {"validate_every": 9}, {"save_every": 9}, {"log_every": 9}, {"checkpoint_activations": True}],
    ids=lambda setting: next(iter(setting)),
)  # fmt: skip
def test_settings_that_do_not_affect_learning_may_change(resume, setting):
    resume(**setting)


@pytest.mark.parametrize(
    ("setting", "named"),
    [({"seed": 1}, "seed"), ({"batch_size": 3}, "batch_size"), ({"accumulate": 2}, "accumulate"),
     ({"ema_decay": 0.5, "crop": 128}, "crop, ema_decay")],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)  # fmt: skip
def test_settings_that_affect_learning_may_not_change(resume, setting, named):
    with pytest.raises(ConfigError, match=f"was trained with another {named}; choose"):
        resume(**setting)


def test_data_at_another_path_do_not_resume(resume, tmp_path):
    data = [{"path": write_coco(tmp_path / "elsewhere"), "held_out": ["c"]}]
    with pytest.raises(
        ConfigError, match=r"was trained with another data \(or path of it\); choose"
    ):
        resume(data=data)


def test_classes_in_another_order_do_not_resume(tiny_config, resume):
    """The order is that of the heatmap: a class would resume with the weights of another."""
    saved = identity_of(tiny_config(classes={"car": ["car"], "truck": ["truck"]}))
    with pytest.raises(ConfigError, match="was trained with another order of classes; choose"):
        resume(saved, classes={"truck": ["truck"], "car": ["car"]})


def test_another_number_of_processes_does_not_resume(tiny_config, resume):
    saved = replace(identity_of(tiny_config()), processes=2)
    with pytest.raises(ConfigError, match=r"another number of processes \(2, now 1\); choose"):
        resume(saved)


def test_block_of_an_older_checkpoint_resumes_unless_separable(tiny_config, tmp_path):
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


def remove_a_box(content):
    del content["annotations"][0]


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (
            hold_out_more,
            "3 training and 1 validation image, now 2 training and 2 validation images",
        ),
        (hold_out_another, "as many images, but others, held out otherwise"),
        (
            remove_a_box,
            "as many images, but others, held out otherwise, or with other boxes, ignored reg",
        ),
    ],
)
def test_other_data_at_the_same_path_do_not_resume(tiny_config, data_set, resume, edit, difference):
    saved = identity_of(tiny_config())
    change_coco(data_set, edit)
    with pytest.raises(
        ConfigError, match=rf"checkpoint\.pt was trained on other data: {difference}"
    ):
        resume(saved)


def test_order_of_images_is_not_part_of_the_identity(tiny_config, tmp_path):
    many = write_coco(tmp_path / "many", scenes="aabbc")
    data = read_training_data(tiny_config(data=[{"path": many, "held_out": ["c"]}]))
    backwards = replace(data, training=data.training[::-1])
    assert DataIdentity.of(backwards) == DataIdentity.of(data)


@pytest.fixture
def weights(tiny_config, tmp_path):
    """Writes a file of weights, different each time."""
    seeds = count()

    def write(name="weights.safetensors"):
        torch.manual_seed(next(seeds))
        save_checkpoint(SpotNet(tiny_config().network()), tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("setting", ["teacher", "finder", "initial"])
def test_other_weights_in_the_same_file_do_not_resume(
    tiny_config, data_set, weights, resume, setting
):
    data = [{"path": data_set, "held_out": ["c"], "unlabelled": 0.5}]
    settings = {"data": data, setting: weights()}
    saved = identity_of(tiny_config(**settings))
    resume(saved, **settings)
    weights()
    with pytest.raises(ConfigError, match=f"trained with other weights in the file of {setting};"):
        resume(saved, **settings)


def test_checkpoint_without_processes_data_and_digests_resumes(tiny_config, data_set, weights):
    """Checkpoints of older releases lack these entries."""
    config = tiny_config(steps=1, teacher=weights())
    train(config)
    file = config.output / "checkpoint.pt"
    content = torch.load(file, weights_only=True)
    assert content["processes"] == 1
    for name in ("processes", "data", "digests"):
        del content[name]
    torch.save(content, file)
    change_coco(data_set, hold_out_more)
    weights()
    assert train(tiny_config(steps=2, teacher=config.teacher)).steps == 2


def test_missing_teacher_is_reported_on_resuming(tiny_config, weights):
    teacher = weights()
    train(tiny_config(steps=1, teacher=teacher))
    teacher.unlink()
    with pytest.raises(ConfigError, match="teacher: no weights file"):
        train(tiny_config(steps=2, teacher=teacher))


def test_weights_that_are_not_read_again_are_not_in_the_identity(tiny_config, data_set, weights):
    one, two, three = (weights(f"{name}.safetensors") for name in "123")
    given = {"initial": one, "teacher": two, "finder": three}

    def digest_names(**settings):
        return set(identity_of(tiny_config(**given, **settings)).digests)

    searching = {"data": [{"path": data_set, "unlabelled": 0.5}]}
    assert digest_names() == {"teacher"}
    assert digest_names(**searching) == {"teacher", "finder"}
    del given["finder"]
    assert digest_names(**searching) == {"teacher"}
    del given["teacher"]
    assert digest_names(**searching) == {"initial"}
    assert digest_names() == set()
    given["teacher"] = "nano"  # a shipped model
    assert digest_names() == {"teacher"}


@pytest.mark.parametrize(
    "change", [{"mask": Path("mask.png")}, {"ignored": np.zeros((1, 4), np.float32)}], ids=str
)
def test_masks_and_ignored_regions_that_appear_do_not_resume(tiny_config, change):
    data = read_training_data(tiny_config())
    (sample, mode), *others = data.training
    changed = replace(data, training=[(replace(sample, **change), mode), *others])
    assert DataIdentity.of(changed).digest != DataIdentity.of(data).digest
