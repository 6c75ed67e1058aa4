"""The installed package contains what other programs need."""

import tomllib
from pathlib import Path

import pytest

from pipeline.transport.messages import PROTOCOL_VERSION
from stages.detector.shipped import find_weights

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

PROTOCOLS = {
    "0.6": 8,
    "0.7": 9,
    "0.8": 9,
    "0.9": 10,
    "0.10": 10,
    "0.11": 11,
    "0.12": 11,
    "0.13": 12,
    "0.14": 12,
}
"""The protocol of each release, by the first two numbers of its version. A new protocol needs a new
version and a line here: the version shows users whether an upgraded pipeline and a subscriber
understand each other, and whether a release can complete the journal of a killed run.
"""


def test_each_release_has_one_protocol():
    release = ".".join(PROJECT["project"]["version"].split(".")[:2])
    assert PROTOCOLS[release] == PROTOCOL_VERSION


@pytest.mark.parametrize("package", PROJECT["tool"]["mypy"]["packages"])
def test_package_is_shipped_with_its_types(package):
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert package in wheel["packages"]  # with every file in it
    assert (ROOT / package / "py.typed").is_file()


def test_weights_are_shipped_with_the_notices_of_their_data():
    """The licences of the data require it."""
    card = (ROOT / "docs" / "model_card.md").read_text()
    data = card.partition("**Data.**")[2].partition("**Licence**")[0]
    named = [line for line in data.splitlines() if "CC BY" in line]
    [notice] = [file for file in PROJECT["project"]["license-files"] if "weights" in file]
    assert (ROOT / notice).parent == find_weights().parent
    assert named
    assert all(line in (ROOT / notice).read_text() for line in named)
