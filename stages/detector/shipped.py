"""The weights that come with SpotStream."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SHIPPED = ("compact", "nano")
"""Their names; the first is taken where none is asked for."""


def find_weights(weights: Path | None = None) -> Path:
    """The file that is meant: of a name in `SHIPPED`, what ships; any other path as it is.

    A file of such a name in the working folder goes first.
    """
    name = SHIPPED[0] if weights is None else str(weights)
    if name not in SHIPPED or Path(name).exists():
        return Path(name)
    return Path(str(resources.files("stages.detector") / "weights" / f"{name}.safetensors"))
