"""Configs that no network can be made of."""

import pytest

from stages.detector.spotnet import SpotNet


def test_a_single_string_is_not_taken_for_a_name_per_letter():
    with pytest.raises(ValueError, match="class_names must be a tuple of names, got 'car'"):
        SpotNet.compact("car")
