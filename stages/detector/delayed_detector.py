"""A stand-in for a slower detector, for measuring everything around it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from stages.detector.file_detector import FileDetector
from stages.errors import ConfigError
from stages.records import Detections, Frame

DELAYED = "delayed:"
"""Prefix of the path of a `DelayedDetector`."""


def delayed(path: Path, milliseconds: float) -> str:
    """Returns the path of a `DelayedDetector`, such as ``delayed:5:street_Det_X.txt``."""
    return f"{DELAYED}{milliseconds:g}:{path}"


class DelayedDetector(FileDetector):
    """Detections from a file or folder, with a delay for each batch that uses no processor time.

    Args:
        path: See `delayed`.
        min_score, classes: See `FileDetector`.

    Raises:
        ConfigError: The path is malformed, or see `FileDetector`.
    """

    is_immediate = False

    def __init__(self, path: str, min_score: float = 0.0, classes: Sequence[str] = ()) -> None:
        found = re.fullmatch(rf"{DELAYED}(\d+|\d+\.\d+):(.+)", path)
        if found is None:
            raise ConfigError(f"detections {path} is not like delayed:5:street_Det_X.txt")
        super().__init__(found[2], min_score, classes)
        self._seconds = float(found[1]) / 1000

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """See `FileDetector.detect`."""
        time.sleep(self._seconds)
        return super().detect(frames)
