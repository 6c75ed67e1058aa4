import csv
import math

import pytest
import torch

from stages.detector.spotnet import SpotNet, save_checkpoint
from stages.errors import ConfigError
from tests.tools.conftest import change_coco
from tools.training.teacher import load_teacher, teacher_loss
from tools.training.trainer import train

CPU = torch.device("cpu")


def outputs(score, size=4.0, offset=0.5):
    """Returns outputs with one vehicle in an empty scene."""
    centers = torch.full((1, 1, 8, 8), -9.0)
    centers[0, 0, 4, 4] = torch.logit(torch.tensor(score))
    return {
        "hm": centers,
        "wh": torch.full((1, 2, 8, 8), size),
        "reg": torch.full((1, 2, 8, 8), offset),
    }


def test_loss_is_zero_if_the_outputs_equal_the_teachers():
    terms = teacher_loss([outputs(0.7)], outputs(0.7))
    assert all(abs(value) < 1e-6 for value in terms.values())


def test_loss_grows_with_the_distance_from_the_teacher():
    near, far = (teacher_loss([outputs(score)], outputs(0.7)) for score in (0.6, 0.2))
    assert 0 < near["hm_t"] < far["hm_t"]
    assert near["iou_t"] < 1e-6
    entropy = -(0.7 * math.log(0.6) + 0.3 * math.log(0.4))
    assert near["hm_t"] == pytest.approx(0.1**2 * entropy, rel=1e-3)
    shrunk = teacher_loss([outputs(0.7, size=2.0)], outputs(0.7))
    assert abs(shrunk["iou_t"] - 0.7 * 0.75) < 1e-5  # a quarter of the box is shared
    assert abs(shrunk["total"] - 2 * 0.7 * 0.75) < 1e-5


def test_cells_with_a_low_teacher_score_teach_no_box():
    assert teacher_loss([outputs(0.09, size=1.0)], outputs(0.09))["iou_t"] == 0
    assert teacher_loss([outputs(0.11, size=1.0)], outputs(0.11))["iou_t"] > 0.1


def test_losses_of_several_vehicles_are_averaged_by_score():
    """One of two vehicles is learnt, the other is not."""
    one = teacher_loss([outputs(0.2)], outputs(0.9))
    taught = concatenated(outputs(0.9), outputs(0.6))
    learnt = concatenated(outputs(0.2, size=2.0), outputs(0.6))
    both = teacher_loss([learnt], taught)
    assert both["hm_t"] == pytest.approx(one["hm_t"].item() / 1.5, rel=1e-3)
    assert both["iou_t"] == pytest.approx(0.75 * 0.9 / 1.5, rel=1e-3)


def concatenated(*images):
    return {name: torch.cat([image[name] for image in images]) for name in images[0]}


def test_vehicles_of_every_class_teach_their_boxes():
    def of_second_class(output):
        return output | {"hm": torch.cat((torch.full((1, 1, 8, 8), -9.0), output["hm"]), 1)}

    one = teacher_loss([outputs(0.7, size=2.0)], outputs(0.7))
    other = teacher_loss([of_second_class(outputs(0.7, size=2.0))], of_second_class(outputs(0.7)))
    assert one["iou_t"] == other["iou_t"] > 0.5


def test_negative_sides_of_a_teacher_count_as_tiny_ones():
    tiny = outputs(0.7, size=0.1)
    assert abs(teacher_loss([tiny], outputs(0.7, size=-3.0))["iou_t"]) < 1e-6


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
                torch.nn.init.zeros_(
                    values
                )  # scores high enough to teach, whatever the weights are
        save_checkpoint(model, path)
        return path

    return write


def test_run_learns_from_its_teacher(tiny_config, tmp_path, weights):
    config = tiny_config(teacher=weights(), steps=40, learning_rate=0.01)
    train(config)
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    parts = {"hm": 1, "wh": 0.1, "reg": 1, "iou": 2, "seg": 1, "hm_t": 4, "iou_t": 2}
    first = {name: float(value) for name, value in rows[0].items()}
    assert first["total"] == pytest.approx(sum(w * first[name] for name, w in parts.items()), 1e-3)
    learnt = [float(row["iou_t"]) for row in rows]
    assert sum(learnt[-5:]) < sum(learnt[:5])


@pytest.mark.parametrize("names", [["vehicle"], ["bus", "car"]])
def test_teacher_of_other_classes_is_refused(tiny_config, weights, names):
    teacher = weights(classes={name: [name] for name in names})
    config = tiny_config(teacher=teacher, classes={"car": ["car"], "bus": ["bus"]})
    with pytest.raises(ConfigError, match=f"finds {', '.join(names)}, not car, bus"):
        load_teacher(config, CPU)


def test_teacher_teaches_without_any_annotated_box(tiny_config, data_set, weights, caplog):
    change_coco(data_set, lambda content: content["annotations"].clear())
    assert train(tiny_config(teacher=weights(), steps=1)).complete
    assert "there is nothing to score" in caplog.text


def test_teacher_with_an_incompatible_crop_size_is_refused(tiny_config, weights):
    deep = {"dims": [8] * 5, "modules": [1] * 5, "head_channels": 8}
    config = tiny_config(teacher=weights(model=deep), crop=80)
    with pytest.raises(ConfigError, match=r"takes multiples of 64; crop is 80"):
        load_teacher(config, CPU)


def test_missing_teacher_is_reported(tiny_config, tmp_path):
    config = tiny_config(teacher=tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match="teacher: no weights file"):
        load_teacher(config, CPU)


def test_without_a_teacher_none_is_loaded(tiny_config):
    assert load_teacher(tiny_config(), CPU) is None
