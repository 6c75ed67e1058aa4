from pathlib import Path

import pytest

from pipeline.config_file import built_in_configs
from stages.errors import ConfigError
from tools.training.config import load_training_config

GOOD = "data: [{path: somewhere}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 5\n", "data: Field required"),
        (GOOD + "seed: on\n", "train.yaml: seed: must be a number, got True"),
        ("data: [{path: a, scale: yes}]\n", "data.0.scale: must be a number, got True"),
        (GOOD + "step: 5\n", "unknown key step; allowed here: data, classes"),
        (GOOD + "crop: 100\n", "crop must be a multiple of 64, got 100"),
        (GOOD + "crop: 64\nbatch_size: 1\n", "take a larger crop or batch_size"),
        (
            GOOD + "preset: huge\n",
            "yaml: preset must be one of nano, compact, base, published, got",
        ),
        (GOOD + "model: {num_classes: 2}\n", "yaml: unknown key model.num_classes; allowed here: "),
        (
            GOOD + "model: {attention: soft}\n",
            "yaml: model.attention must be one of ('none', 'raw'",
        ),
        (
            GOOD + "model: {size_multiple: 0}\n",
            "size_multiple must be a whole number from 1, got 0",
        ),
        (
            GOOD + "model: {head_channels: '8'}\n",
            "head_channels must be a whole number from 1, got '8'",
        ),
        (
            GOOD + "model: {dims: [8, x], modules: [1, 1]}\n",
            "yaml: model.dims must be whole numbers from 1, got (8, 'x')",
        ),
        (GOOD + "model: {dims: 3}\n", "yaml: model.dims must be whole numbers from 1, got 3"),
        (GOOD + "model: {scale: half}\n", "scale must be a positive number, got 'half'"),
        (GOOD + "model: {depth: 3}\n", "yaml: unknown key model.depth; allowed here: "),
        (GOOD + "classes: {a: [car], b: [car]}\n", "class car belongs to more than one of classes"),
        (
            GOOD + "classes: {bike: [bike]}\n",
            "class bike is in classes and in background, which is [bike]; take it out, as by "
            "background: []",
        ),
        (GOOD + "classes: {'bus, large': [bus]}\n", "characters without commas, got 'bus, la"),
        (GOOD + 'classes: {"bus\\n": [bus]}\n', r"without commas, got 'bus\n'"),
        (
            GOOD + "classes: {'': [bus]}\n",
            "must be a text of printable characters without commas, got ''",
        ),
        (GOOD + "classes: [car]\n", "train.yaml: classes: must hold keys and values, got ['car']"),
        ("data: [{path: a, held_out: val}]\n", "data.0.held_out: must be a list, got 'val'"),
        (
            GOOD + "augmentation: {scale_range: [2, 1]}\n",
            "augmentation.scale_range: scale_range",
        ),
        (GOOD + "augmentation: {scale_range: [0, 1]}\n", "must be two positive numbers"),
        ("data: [{path: x, colour: 3}]\n", "unknown key data.0.colour; allowed here: path, scale"),
    ],
)
def test_invalid_setting_is_reported(tmp_path, text, message):
    file = tmp_path / "train.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_training_config(file)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("crop=200", "crop must be a multiple of 64, got 200"),
        ("model={attention: foo}", "model.attention must be one of ('none', 'raw', 'sigmoid'), "),
    ],
)
def test_error_of_combined_settings_names_what_is_wrong(tmp_path, override, problem):
    file = tmp_path / "train.yaml"
    file.write_text(GOOD + "crop: 256\n")
    with pytest.raises(ConfigError) as error:
        load_training_config(file, [override])
    assert str(error.value).startswith(f"--set: {problem}")
    file.write_text(GOOD + "model: {stacks: 99}\n")
    with pytest.raises(ConfigError) as error:
        load_training_config(file, ["steps=5"])
    assert str(error.value) == f"{file}: model.stacks must be at most 8, got 99"


@pytest.mark.parametrize("name", built_in_configs("train"))
def test_built_in_configs_are_loaded_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_training_config(Path(name)).data


def test_overrides_take_precedence(tmp_path):
    file = tmp_path / "train.yaml"
    file.write_text(GOOD)
    config = load_training_config(
        file, ["model.attention=none", "steps=7", "augmentation.scale_range=[1, 1]"]
    )
    assert config.steps == 7
    assert config.augmentation.scale_range == (1, 1)
    assert config.network().attention == "none"
