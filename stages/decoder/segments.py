"""The files of a recording: its segments, whose names tell their order."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(\d{8})-e(\d+)-\d{8}T\d{6}Z\.mkv")


class Segment(NamedTuple):
    """A segment, by its number in the recording, and its epoch."""

    number: int
    epoch: int
    path: Path


def segment_path(folder: Path, number: int, epoch: int, began: datetime) -> Path:
    """Where a segment goes that began at that time, UTC."""
    return folder / f"{number:08}-e{epoch}-{began:%Y%m%dT%H%M%SZ}.mkv"


def segments_of(folder: Path) -> list[Segment]:
    """The segments in a folder, in order."""
    return sorted(
        Segment(int(match[1]), int(match[2]), path)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name))
    )
