"""A run goes on with the teacher and the finder that it began with."""

from itertools import count

import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tools.training.trainer import train
from tools.training.weights_identity import weights_digests


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
    assert set(weights_digests(tiny_config(**given))) == {"teacher"}
    data = [{"path": data_set, "unlabelled": 0.5}]
    assert set(weights_digests(tiny_config(**given, data=data))) == {"teacher", "finder"}
