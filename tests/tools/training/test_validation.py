import dataclasses
import warnings
from functools import partial

import numpy as np
import pytest
import torch

from stages.detector.spotnet import SpotNet
from stages.errors import SpotStreamError
from tests.tools.conftest import hide
from tools.training import validation
from tools.training.class_map import ClassMap
from tools.training.data import read_training_data
from tools.training.validation import (
    DetectedImage,
    average_precision,
    average_precisions,
    detect,
    detect_samples,
    evaluate,
    mean_over_classes,
    mean_score,
    recall_at_alarms,
)

SMALL, LARGE = [0, 0, 10, 10], [50, 50, 90, 90]
NOWHERE = [200, 200, 240, 240]


def image(truth, found, scores, truth_classes=None, classes=None, forgiven=()):
    return DetectedImage(
        "scene",
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(found, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(truth_classes or [0] * len(truth), np.int64),
        np.array(classes or [0] * len(found), np.int64),
        np.isin(np.arange(len(found)), forgiven),
    )


def test_objects_outside_the_size_range_neither_help_nor_hurt():
    images = [image([SMALL, LARGE], [LARGE, SMALL, [30, 0, 38, 8]], [0.5, 0.9, 0.8])]
    assert average_precision(images, 0.5, (16, np.inf)) == 1.0
    assert average_precision(images, 0.5, (0, 16)) == 1.0
    assert average_precision(images, 0.5) == pytest.approx(0.5 + 0.5 * 2 / 3)
    missed = [image([SMALL, LARGE], [SMALL], [0.9])]
    assert average_precision(missed, 0.5, (16, np.inf)) == 0.0
    exactly_16 = [image([[0, 0, 16, 16]], [[0, 0, 16, 16]], [0.9])]
    assert average_precision(exactly_16, 0.5, (16, 32)) == 1.0
    assert np.isnan(average_precision(exactly_16, 0.5, (0, 16)))


def test_detections_in_ignored_regions_count_only_as_hits():
    found = [LARGE, NOWHERE, SMALL]
    assert average_precision([image([LARGE], found, [0.7, 0.9, 0.8])], 0.5) < 1
    one = image([LARGE], found, [0.7, 0.9, 0.8], forgiven=[0, 1, 2])
    assert average_precision([one], 0.5) == 1.0
    assert average_precision([one.of_class(0)], 0.5) == 1.0
    assert recall_at_alarms([one], alarms=0) == 1.0


def test_vehicle_in_front_of_an_unscored_one_is_found(tiny_config, data_set):
    config = tiny_config()
    [(_, samples)] = read_training_data(config).validation.values()
    known = ClassMap.of(config)
    sample = next(each for each in samples if len(known.annotated_image(each, 1.0).boxes))
    [box, *_] = known.annotated_image(sample, 1.0).boxes
    hidden = dataclasses.replace(
        sample,
        boxes=np.array([box, box], np.float32),
        labels=2 * sample.labels[:1],
        hidden=np.array([0, 0.9], np.float32),
    )
    found = np.array([box]), np.ones(1, np.float32), np.zeros(1, np.int64)
    images = detect_samples(lambda _: found, [hidden], known, 0.5, set())
    assert average_precision(images, 0.5) == 1.0


def test_mean_score_skips_missing_scores():
    scores = {"a": {"AP50": 0.5, "AP70": 0.1}, "b": {"AP50": np.nan, "AP70": np.nan}}
    assert mean_score(scores) == pytest.approx(0.3)
    assert np.isnan(mean_score({"b": scores["b"]}))


@pytest.mark.parametrize("scale", [None, 0.5])
def test_images_are_scored_at_the_scale_of_their_data_set(
    tiny_config, data_set, monkeypatch, scale
):
    used = set()

    def record(network, scale, image):
        used.add(scale)
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)

    monkeypatch.setattr(validation, "detect", record)
    entry = {"path": data_set, "held_out": ["c"], "validation_scale": scale}
    config = tiny_config(data=[entry])
    network = SpotNet(config.network()).eval()
    data = read_training_data(config)
    scores = evaluate(network, data.validation, ClassMap.of(config), set())
    assert scores["drawn"]["AP50"] == 0
    assert used == {scale or network.config.scale}
    assert network.config.scale != 0.5


def test_vehicles_hidden_beyond_max_hidden_are_not_scored(tiny_config, data_set):
    hide(data_set, 0.6)
    config = tiny_config(data=[{"path": data_set, "held_out": ["c"], "max_hidden": 0.5}])
    network = SpotNet(config.network()).eval()
    held_out = read_training_data(config).validation
    scores = evaluate(network, held_out, ClassMap.of(config), set())
    assert np.isnan(scores["drawn"]["AP50"])


def test_recall_at_half_a_false_alarm_per_image():
    two = [
        image([LARGE], [LARGE, NOWHERE], [0.9, 0.8]),
        image([LARGE], [NOWHERE, LARGE], [0.7, 0.6]),
    ]
    assert recall_at_alarms(two) == 0.5
    assert recall_at_alarms(two, alarms=1.0) == 1.0
    assert np.isnan(
        recall_at_alarms([image([SMALL], [SMALL], [0.9])])
    )  # no vehicle is large enough
    assert recall_at_alarms([image([LARGE], [], [])]) == 0.0
    just_large_enough = [0, 0, 16, 16]
    assert recall_at_alarms([image([just_large_enough], [just_large_enough], [0.9])]) == 1.0


def test_box_of_another_class_does_not_count_for_a_class():
    one = image([SMALL, LARGE], [LARGE, SMALL], [0.9, 0.8], truth_classes=[0, 1], classes=[1, 1])
    assert average_precision([one], 0.5) == 1.0
    assert average_precision([one.of_class(0)], 0.5) == 0.0
    assert average_precision([one.of_class(1)], 0.5) == 1.0


def test_scores_are_means_over_the_classes_that_have_true_boxes():
    one = image([SMALL, LARGE], [LARGE, SMALL], [0.9, 0.8], truth_classes=[0, 1], classes=[1, 1])
    assert mean_over_classes([one], 3) == {"AP50": 0.5, "AP70": 0.5}
    alone = one.of_class(1)
    assert mean_over_classes([alone], 2) == average_precisions([alone]) == {"AP50": 1, "AP70": 1}
    assert np.isnan(mean_over_classes([image([], [LARGE], [0.9])], 2)["AP50"])


def test_boxes_without_area_are_dropped_with_scores_and_classes(tiny_config, monkeypatch):
    found = (
        torch.tensor([[[5.0, 5, 5, 9], [0, 0, 10, 10]]]),
        torch.tensor([[0.9, 0.4]]),
        torch.tensor([[1, 0]]),
    )
    monkeypatch.setattr(validation, "DetectionGraph", lambda network: lambda images: found)
    network = SpotNet(tiny_config().network())
    boxes, scores, classes = detect(network, 1.0, np.zeros((64, 64, 3), np.uint8))
    assert boxes.tolist() == [[0, 0, 10, 10]]
    assert (scores.tolist(), classes.tolist()) == ([pytest.approx(0.4)], [0])


def test_unreadable_image_is_logged_once_and_not_scored(tiny_config, data_set, caplog):
    config = tiny_config()
    [(_, samples)] = read_training_data(config).validation.values()
    samples[0].path.write_bytes(b"no image")
    network = SpotNet(config.network()).eval().fused()
    unreadable = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # boxes of an untrained network may have no area
        for _ in range(2):
            detector, classes = partial(detect, network, 1.0), ClassMap.of(config)
            images = detect_samples(detector, samples, classes, 1.0, unreadable)
            recall_at_alarms(images)
            assert len(images) == len(samples) - 1
    assert [r.message.endswith(", not scored") for r in caplog.records] == [True]


def test_full_memory_is_reported_in_one_line(tiny_config):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    network = SpotNet(tiny_config().network()).fused()
    network.pre.register_forward_pre_hook(full)
    with pytest.raises(SpotStreamError) as error:
        detect(network, 0.5, np.zeros((80, 96, 3), np.uint8))
    assert str(error.value) == (
        "the memory of cpu is full with an image of 96x80 at scale 0.5: "
        "take a lower scale (validation_scale) or smaller weights"
    )
