"""Which annotations are learnt, are background, or give no loss."""

from dataclasses import replace

import numpy as np
import pytest

from tools.training.class_map import ClassMap
from tools.training.data import read_training_data

CAR, TRAM, BIKE = [20, 10, 50, 40], [52, 40, 90, 70], [45, 20, 60, 45]


@pytest.fixture
def classes(tiny_config):
    return ClassMap.of(tiny_config(background=["bike"]))


@pytest.fixture
def sample(tiny_config):
    """A sample with a tram (an unknown class), a car and a bike."""
    sample, _ = read_training_data(tiny_config()).training[0]
    return replace(
        sample,
        boxes=np.array([TRAM, CAR, BIKE], np.float32),
        labels=("tram", "car", "bike"),
        hidden=np.array([0, 0.5, 0], np.float32),
        ignored=np.zeros((0, 4), np.float32),
    )


@pytest.mark.parametrize(("max_hidden", "learnt"), [(0.6, [CAR]), (0.5, [CAR]), (0.4, [])])
def test_vehicles_hidden_beyond_max_hidden_are_ignored(classes, sample, max_hidden, learnt):
    annotated = classes.annotated_image(sample, max_hidden)
    assert annotated.boxes.tolist() == learnt
    assert annotated.ignored.tolist() == [TRAM] if learnt else [TRAM, CAR]


def test_background_box_crossing_an_ignored_region_is_not_ignored(classes, sample):
    region = [44, 18, 58, 46]
    sample = replace(sample, ignored=np.array([region], np.float32))
    assert classes.annotated_image(sample, 1.0).ignored.tolist() == [region, TRAM]


def test_objects_have_known_classes_and_occlusion_flags(classes, sample):
    objects = classes.objects(sample)
    assert objects.boxes.tolist() == [CAR, BIKE]
    assert objects.classes.tolist() == [0, -1]
    assert objects.hidden.tolist() == [True, False]
    sample = replace(sample, ignored=np.array([[44, 18, 58, 46]], np.float32))
    assert classes.objects(sample).hidden.tolist() == [True, True]
