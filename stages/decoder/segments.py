"""The files of a recording: an index, and segments ordered by name."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

RECORDING_INDEX = "recording.json"
"""Name of a file in every folder that a recorder has written into."""

_NAME = re.compile(r"(\d{8})-e(\d+)-\d{8}T\d{6}Z\.mkv")


class Segment(NamedTuple):
    """A segment: its number in the recording, its epoch and its path."""

    number: int
    epoch: int
    path: Path

    @property
    def began(self) -> datetime:
        """When it began, to the second, in UTC."""
        return datetime.fromisoformat(self.path.stem.rpartition("-")[2])


def is_recording(folder: Path) -> bool:
    """Returns whether ``folder`` holds a recording; segments without the index suffice."""
    return (folder / RECORDING_INDEX).is_file() or (folder.is_dir() and bool(segments_of(folder)))


def segment_path(folder: Path, number: int, epoch: int, began: datetime) -> Path:
    """Returns the path of a segment that began at ``began``, in UTC."""
    return folder / f"{number:08}-e{epoch}-{began:%Y%m%dT%H%M%SZ}.mkv"


def segments_of(folder: Path) -> list[Segment]:
    """Returns the segments in a folder, in order."""
    return sorted(
        Segment(int(match[1]), int(match[2]), path)
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name))
    )
