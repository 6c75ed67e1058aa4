import csv
import math

import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tools.training.teacher import load_teacher, teacher_loss
from tools.training.trainer import train

CPU = torch.device("cpu")


def outputs(score, size=4.0, offset=0.5):
    """One vehicle in the middle of nothing."""
    centers = torch.full((1, 1, 8, 8), -9.0)
    centers[0, 0, 4, 4] = torch.logit(torch.tensor(score))
    return {
        "hm": centers,
        "wh": torch.full((1, 2, 8, 8), size),
        "reg": torch.full((1, 2, 8, 8), offset),
    }


def test_who_says_the_same_has_learnt_all():
    terms = teacher_loss([outputs(0.7)], outputs(0.7))
    assert all(abs(value) < 1e-6 for value in terms.values())


def test_the_farther_from_the_teacher_the_more_it_costs():
    near, far = (teacher_loss([outputs(score)], outputs(0.7)) for score in (0.6, 0.2))
    assert 0 < near["hm_t"] < far["hm_t"]
    assert near["iou_t"] < 1e-6
    entropy = -(0.7 * math.log(0.6) + 0.3 * math.log(0.4))
    assert near["hm_t"] == pytest.approx(0.1**2 * entropy, rel=1e-3)
    shrunk = teacher_loss([outputs(0.7, size=2.0)], outputs(0.7))
    assert abs(shrunk["iou_t"] - 0.7 * 0.75) < 1e-5  # a quarter of the box is shared
    assert abs(shrunk["total"] - 2 * 0.7 * 0.75) < 1e-5


def test_cells_that_the_teacher_is_not_sure_of_teach_no_box():
    assert teacher_loss([outputs(0.05, size=1.0)], outputs(0.05))["iou_t"] == 0
    assert teacher_loss([outputs(0.2, size=1.0)], outputs(0.2))["iou_t"] > 0.1


def test_stacks_are_averaged():
    one, both = (teacher_loss([outputs(0.2)] * stacks, outputs(0.7)) for stacks in (1, 2))
    assert torch.isclose(one["total"], both["total"])


@pytest.fixture
def weights(tiny_config, tmp_path):
    def write(**changes):
        path = tmp_path / "teacher.safetensors"
        model = SpotNet(tiny_config(**changes).network())
        for name, values in model.named_parameters():
            if name.startswith("hm") and name.endswith("bias"):
                torch.nn.init.zeros_(values)  # it is sure of something, whatever its weights are
        save_checkpoint(model, path)
        return path

    return write


def test_a_run_learns_from_its_teacher(tiny_config, tmp_path, weights):
    config = tiny_config(teacher=weights(), steps=40, learning_rate=0.01)
    train(config)
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    parts = {"hm": 1, "wh": 0.1, "reg": 1, "iou": 2, "seg": 1, "hm_t": 4, "iou_t": 2}
    first = {name: float(value) for name, value in rows[0].items()}
    assert first["total"] == pytest.approx(sum(w * first[name] for name, w in parts.items()), 1e-3)
    learnt = [float(row["iou_t"]) for row in rows]
    assert sum(learnt[-5:]) < sum(learnt[:5])


def test_a_teacher_of_other_classes_is_refused(tiny_config, weights):
    config = tiny_config(teacher=weights(), classes={"car": ["car"], "bus": ["bus"]})
    with pytest.raises(ConfigError, match="finds vehicle, not car, bus"):
        load_teacher(config, CPU)


def test_a_teacher_that_takes_no_crops_of_that_size_is_refused(tiny_config, weights):
    deep = {"dims": [8] * 5, "modules": [1] * 5, "head_channels": 8}
    config = tiny_config(teacher=weights(model=deep), crop=80)
    with pytest.raises(ConfigError, match=r"takes multiples of 64; crop is 80"):
        load_teacher(config, CPU)


def test_a_teacher_that_is_not_there_is_told(tiny_config, tmp_path):
    config = tiny_config(teacher=tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match="teacher: no weights file"):
        load_teacher(config, CPU)


def test_no_teacher_is_none(tiny_config):
    assert load_teacher(tiny_config(), CPU) is None
