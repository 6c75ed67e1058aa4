import dataclasses
import re

import pytest
import yaml

from pipeline.config import RunConfig
from pipeline.config_file import built_in_configs, load_config
from tests.tools.processes import spotstream
from tools.commands.config_listing import config_listing, training_listing
from tools.training.config import (
    AugmentationConfig,
    DataSetConfig,
    TrainingConfig,
    load_training_config,
)
from trackers.registry import default_settings
from trackers.sort import Sort

GIVEN = (
    "decoder.last_frame=9",
    "sink.lines={'1': {north: [0, 1.5, 2, 3]}, west é: {in: [0, 0, 9, 9]}}",
    "detector.ignored={cam: [[1, 2, 3, 4], [5, 6, 7, 8]]}",
    "detector.regions={cam: [1, 2, 3, 4]}",
    "detector.classes=[car, 'b #c']",
    "runtime.metrics=9108",
    "decoder.record='a: b #c'",
)
TRAINING_GIVEN = ("classes={a: [car], 'b #c': []}", "ema_decay=0.9", "model={scale: 0.5}")


@pytest.mark.parametrize(
    ("name", "overrides"), [*((name, ()) for name in built_in_configs()), ("demo", GIVEN)]
)
def test_a_run_config_listing_loads_as_the_same_config(name, overrides, tmp_path):
    config = load_config(name, overrides)
    file = tmp_path / "own.yaml"
    file.write_text(config_listing(config))
    read = load_config(file)
    listed, given = read.tracker.settings, config.tracker.settings
    assert listed.items() >= given.items()
    assert listed.keys() == default_settings(config.tracker.name).keys()
    tracker = dataclasses.replace(read.tracker, settings=given)
    assert dataclasses.replace(read, tracker=tracker) == config


def test_every_run_key_has_a_comment_with_its_limits():
    lines = config_listing(RunConfig()).splitlines()
    for number, line in enumerate(lines):
        if line and not line.lstrip().startswith("#"):
            assert lines[number - 1].lstrip().startswith("# "), line
    text = "\n".join(lines)
    assert "  # First frame, 1-based. At least 1.\n  first_frame: 1\n" in text
    assert "refuses tcp. One of auto, tcp, udp.\n  transport: auto\n" in text
    assert "of the weights. Above 0, at most 4.\n  scale: null\n" in text
    assert f"    max_age: {Sort().max_age}\n" in text


@pytest.mark.parametrize(
    ("name", "overrides"),
    [*((name, ()) for name in built_in_configs("train")), ("compact", TRAINING_GIVEN)],
)
def test_a_training_config_listing_loads_as_the_same_config(name, overrides, tmp_path):
    config = load_training_config(name, overrides)
    file = tmp_path / "own.yaml"
    file.write_text(training_listing(config))
    assert load_training_config(file) == config


def test_every_training_key_has_a_comment_with_its_limits():
    text = training_listing(load_training_config("rendered"))
    for model in (TrainingConfig, DataSetConfig, AugmentationConfig):
        for name in model.model_fields:
            assert re.search(rf"^ *# .+\n *{name}:", text, re.MULTILINE), name
    assert "    # Relative frequency of its images. Above 0.\n    share: " in text
    assert "\n# Share of the steps spent warming up. At least 0, below 1.\nwarmup: 0.03\n" in text
    assert "\n# Optimizer of torch. One of adamw, adam.\noptimizer: adamw\n" in text


def test_a_listing_without_docstrings_has_the_same_keys():
    done = spotstream("config", "demo", PYTHONOPTIMIZE="2")
    assert done.stderr == ""
    assert "  # At least 1.\n  first_frame: 1\n" in done.stdout
    with_texts = config_listing(load_config("demo"))
    assert yaml.safe_load(done.stdout) == yaml.safe_load(with_texts)
