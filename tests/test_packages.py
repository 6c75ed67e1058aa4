"""What is installed is what other programs need of it."""

import tomllib
from pathlib import Path

import pytest

from stages.detector.shipped import find_weights

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("package", PROJECT["tool"]["mypy"]["packages"])
def test_a_packages_types_are_for_programs_that_use_it_too(package):
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert package in wheel["packages"]  # with every file in it
    assert (ROOT / package / "py.typed").is_file()


def test_the_weights_go_with_the_names_of_their_data():
    """As the data's licences require."""
    card = (ROOT / "docs" / "model_card.md").read_text()
    data = card.partition("**Data.**")[2].partition("**Licence**")[0]
    named = [line for line in data.splitlines() if "CC BY" in line]
    [notice] = [file for file in PROJECT["project"]["license-files"] if "weights" in file]
    assert (ROOT / notice).parent == find_weights().parent
    assert named
    assert all(line in (ROOT / notice).read_text() for line in named)
