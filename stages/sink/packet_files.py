"""The files that hold the packets of an overlay until its video is complete."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from stages.atomic import part_path


def packets_path(path: Path, number: int) -> Path:
    """File ``number`` of the packets of the video ``path``; a crash begins a new one."""
    return part_path(path.with_name(f"{path.name}.{number}"))


def packet_files(path: Path) -> Iterator[Path]:
    """The files of the packets of ``path`` that are there, up to the first that is missing."""
    for number in itertools.count(1):
        segment = packets_path(path, number)
        if not segment.exists():
            return
        yield segment
