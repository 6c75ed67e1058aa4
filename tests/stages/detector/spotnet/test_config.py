"""Configs that no network can be built from, and those of earlier releases."""

from dataclasses import asdict

import pytest

from stages.detector.spotnet import SpotNet, SpotNetConfig


def test_a_single_string_as_class_names_is_refused():
    with pytest.raises(ValueError, match="class_names must be a tuple of names, got 'car'"):
        SpotNet.compact("car")


@pytest.mark.parametrize(
    ("setting", "value", "most"),
    [
        ("stacks", 10**9, 8),
        ("stem_kernel", 10**9, 63),
        ("stem_channels", 8193, 8192),
        ("modules", (1, 9), 8),
        ("dims", (8, 10**9), 8192),
        ("num_classes", 10**9, 10_000),
        ("size_multiple", 2**40, 8192),
        ("scale", 1e9, 4),
        ("scale", float("inf"), 4),
    ],
)
def test_excessive_sizes_are_refused(setting, value, most):
    with pytest.raises(ValueError, match=rf"^{setting} must be at most {most}, got "):
        SpotNetConfig(**{setting: value})


def test_sizes_must_be_whole_numbers():
    for name, value in asdict(SpotNetConfig()).items():
        if type(value) is int and name != "segmentation_stride":  # which has its own list of values
            for wrong in (0, 2.0, True):
                with pytest.raises(ValueError, match=rf"^{name} must be a whole number from 1, "):
                    SpotNetConfig(**{name: wrong})


@pytest.mark.parametrize(("setting", "least"), [("dims", 1), ("modules", 0)])
def test_sizes_by_level_must_be_whole_numbers(setting, least):
    for wrong in (least - 1, 2.0, True):
        message = rf"^{setting} must be whole numbers from {least}, got \(1, {wrong}\)$"
        with pytest.raises(ValueError, match=message):
            SpotNetConfig(**{setting: (1, wrong)})


@pytest.mark.parametrize("setting", ["dims", "modules", "class_names"])
def test_a_number_in_place_of_several_values_is_refused(setting):
    with pytest.raises(ValueError, match=rf"^{setting} must be .*, got 3$"):
        SpotNetConfig.from_json(f'{{"{setting}": 3}}')


def test_too_many_levels_are_refused():
    with pytest.raises(ValueError, match="dims and modules must be equally long, 2 to 12, got"):
        SpotNetConfig(dims=(8,) * 13, modules=(1,) * 13)


def test_deeply_nested_json_is_refused():
    with pytest.raises(ValueError, match="it is nested too deeply"):
        SpotNetConfig.from_json("[" * 100_000)


def test_configs_of_earlier_releases_are_read_unless_separable():
    current = SpotNetConfig().to_json()
    assert SpotNetConfig.from_json(current[:-1] + ', "block": "residual"}').to_json() == current
    with pytest.raises(ValueError, match="its blocks are separable"):
        SpotNetConfig.from_json(current[:-1] + ', "block": "separable"}')


def test_class_names_must_be_strings_without_commas_or_line_breaks():
    with pytest.raises(ValueError, match=r"class_names must be a tuple of names, got \(5,\)"):
        SpotNetConfig(class_names=(5,))
    for name in ("car, small", "car\nsmall"):
        with pytest.raises(ValueError, match="must be printable and have no commas, got"):
            SpotNetConfig(class_names=(name,))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dims": (8,), "modules": (1,)}, "dims and modules must be equally long, 2 to 12"),
        ({"size_multiple": 64}, "size_multiple must be a multiple of 128, got 64"),
    ],
)
def test_configs_that_fit_no_input_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SpotNetConfig(**wrong)
