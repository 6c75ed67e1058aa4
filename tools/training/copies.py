"""Finds held-out images that are also trained on, as copies of the file."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from stages.wording import counted
from tools.training.data import TrainingData

_PIECE = 512  # bytes

_Group: TypeAlias = tuple[Sequence[Path], Sequence[Path]]
"""Training and held-out images that may be the same."""


def copy_notes(data: TrainingData) -> list[str]:
    """Returns a warning about held-out images with the same bytes as a training image."""
    copies = find_copies(
        [sample.path for sample, _ in data.training],
        [sample.path for _, held in data.validation.values() for sample in held],
    )
    if not copies:
        return []
    what = counted(
        len(copies),
        "held-out image is a copy of a training image",
        "held-out images are copies of training images",
    )
    held, trained = copies[0]
    return [f"{what}, as {held} is of {trained}"]


def find_copies(training: Sequence[Path], held_out: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Returns each held-out file that is a copy, with a training file of the same bytes.

    For most files, only the size is looked up. Files of the same size are compared by a piece of
    their content, as among a hundred thousand images many have the same size by chance; few files
    are read completely. Unreadable files do not count as copies.
    """
    groups: list[_Group] = [(training, held_out)]
    for key in (_size, _piece, _digest):
        groups = [finer for group in groups for finer in _divide(group, key)]
    return [(held, trained[0]) for trained, all_held in groups for held in all_held]


def _divide(group: _Group, key: Callable[[Path], Hashable]) -> Iterator[_Group]:
    trained, held = (_by_key(paths, key) for paths in group)
    for value in held:
        if value in trained:
            yield trained[value], held[value]


def _by_key(paths: Sequence[Path], key: Callable[[Path], Hashable]) -> dict[Hashable, list[Path]]:
    found: dict[Hashable, list[Path]] = defaultdict(list)
    for path in paths:
        with suppress(OSError):
            found[key(path)].append(path)
    return found


def _size(path: Path) -> int:
    return path.stat().st_size


def _piece(path: Path) -> bytes:
    """Returns bytes from the middle, as images from one camera have the same header."""
    with path.open("rb") as file:
        file.seek(file.seek(0, os.SEEK_END) // 2)
        return file.read(_PIECE)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
