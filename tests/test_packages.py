"""What is installed is what other programs need of it."""

import tomllib
from pathlib import Path

import pytest

from pipeline.transport.messages import PROTOCOL_VERSION
from stages.detector.shipped import find_weights

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

PROTOCOLS = {"0.6": 8, "0.7": 9, "0.8": 9}
"""Of the releases, by the first two numbers of their versions. A new protocol needs a new version
and a line of its own here: who upgrades a pipeline, or only a subscriber, knows by the version
whether they understand each other, and so do those who complete what a killed run has journaled.
"""


def test_a_release_speaks_one_protocol():
    release = ".".join(PROJECT["project"]["version"].split(".")[:2])
    assert PROTOCOLS[release] == PROTOCOL_VERSION


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
