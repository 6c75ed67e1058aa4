"""Divides a data set into images to train on and images that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import filter as matching
from pathlib import Path

from stages.errors import ConfigError
from stages.wording import counted
from tools.datasets.folder_tree import SPLITS
from tools.datasets.sample import Sample

_NAMED = 3  # scenes in a message


def divide(
    path: Path, samples: Sequence[Sample], held_out: Sequence[str]
) -> tuple[list[Sample], list[Sample]]:
    """Returns the samples to train on, and those of the scenes and splits in ``held_out``.

    Args:
        path: Folder of the data set, for the message.
        samples: All its samples.
        held_out: See `DataSetConfig.held_out`.

    Raises:
        ConfigError: There is no such scene or split.
    """
    scenes = {sample.scene for sample in samples}
    splits = {split for sample in samples if (split := sample.conditions.get("split"))}
    chosen: set[str] = set()
    missing = []
    for name in held_out:
        found = {name, _split(name)} & (scenes | splits) or set(matching(scenes, name))
        chosen |= found
        if not found:
            missing.append(name)
    if missing:
        raise ConfigError(
            f"{path} has no scene or split {', '.join(sorted(missing))} to hold out; "
            f"it has {_described(scenes, splits)}"
        )
    kept: list[Sample] = []
    held: list[Sample] = []
    for sample in samples:
        parts = {sample.scene, sample.conditions.get("split")}
        (kept if chosen.isdisjoint(parts) else held).append(sample)
    return kept, held


def _split(name: str) -> str:
    """Returns our name of the split if ``name`` is a synonym of one, else ``name``."""
    return next((split for split, names in SPLITS.items() if name in names), name)


def _described(scenes: set[str], splits: set[str]) -> str:
    there = [split for split in SPLITS if split in splits]
    listed = f"the split{'s' * (len(there) > 1)} {', '.join(there)} and " if there else ""
    some = ", ".join(sorted(scenes)[:_NAMED])
    return f"{listed}{counted(len(scenes), 'scene', form=',')} such as {some}"
