"""The weights shipped with SpotStream."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SHIPPED = ("compact", "nano", "base")
"""Names of the weights; the first is the default."""

FASTEST = "nano"


def find_weights(weights: Path | str | None = None) -> Path:
    """Returns the weights file: the shipped one for a name in `SHIPPED`, any other path unchanged.

    A file with such a name in the working folder takes precedence.
    """
    name = SHIPPED[0] if weights is None else str(weights)
    if weights is not None and (name not in SHIPPED or _is_here(name)):
        return Path(weights)
    return Path(str(resources.files("stages.detector") / "weights" / f"{name}.safetensors"))


def _is_here(name: str) -> bool:
    try:
        return Path(name).is_file()
    except PermissionError:  # the working folder may not be entered
        return False
