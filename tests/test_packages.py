"""What is installed is what other programs need of it."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("package", PROJECT["tool"]["mypy"]["packages"])
def test_a_packages_types_are_for_programs_that_use_it_too(package):
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert package in wheel["packages"]  # with every file in it
    assert (ROOT / package / "py.typed").is_file()
