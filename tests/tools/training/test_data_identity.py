"""A run goes on with the data that it began with."""

from dataclasses import replace

import pytest
import torch

from stages.errors import ConfigError
from tests.tools.conftest import change_coco, write_coco
from tools.training.data import read_training_data
from tools.training.data_identity import DataIdentity
from tools.training.trainer import train


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
