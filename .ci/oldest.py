"""Prints pip constraints for the oldest releases that pyproject.toml allows."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
for requirement in project["dependencies"]:
    name, _, bounds = requirement.partition(">=")
    print(f"{name}=={bounds.split(',')[0]}.*")
