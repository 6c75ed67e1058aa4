"""The record of a mask folder: the options of its masks, or that they must be made again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.release import installed_release
from stages.atomic import remove_file, replacing, write_atomically
from stages.errors import OutputError
from stages.wording import as_setting
from tools.segmentation.frames import Frames
from tools.segmentation.options import Method, SegmentOptions

RECORD = ".segment.json"
"""Name of the hidden file in the folder of the masks; earlier releases did not write it."""

_OUTDATED = {"outdated": True}


def refuse_other_masks(sequences: Iterable[Frames], options: SegmentOptions) -> None:
    """Refuses sequences with existing masks that were made with other options.

    Raises:
        OutputError: There is such a sequence.
    """
    for frames in sequences:
        masks = frames.masks()
        folder = masks[0].parent
        record = _read(folder)
        if not record or not any(mask.exists() for mask in masks):
            continue
        for key, value in _settings(chosen_method(folder, options), options).items():
            if record.get(key) != value:
                there, now = as_setting(record.get(key)), as_setting(value)
                raise OutputError(
                    f"{folder} holds masks of other options ({key}: {there} there, {now} now); "
                    f"choose another --output, or add --overwrite to replace them"
                )


def remove_outdated(sequences: Iterable[Frames], *, overwrite: bool) -> None:
    """Removes all masks if ``overwrite``, or if an earlier run with it did not remove all.

    Raises:
        OutputError: The file system refuses.
    """
    masks: dict[Path, list[Path]] = {}
    for frames in sequences:
        for mask in frames.masks():
            masks.setdefault(mask.parent, []).append(mask)
    if overwrite:  # before removing, so that a killed run leaves no mask that counts as new
        for folder in filter(Path.is_dir, masks):
            with replacing(folder / RECORD, synced=False) as part:
                part.write_text(json.dumps(_OUTDATED))
    if any(_read(folder) == _OUTDATED for folder in masks):  # a killed run may not have marked all
        for folder, paths in masks.items():
            for path in paths:
                remove_file(path)
            remove_file(folder / RECORD)


def chosen_method(folder: Path, options: SegmentOptions) -> Method:
    """Returns the requested method; for ``auto``, the one that was chosen for existing masks."""
    recorded = _read(folder).get("method")
    if options.method is Method.AUTO and recorded in (Method.BACKGROUND, Method.FLOW):
        return Method(recorded)
    return options.method


def write_record(folder: Path, method: Method, options: SegmentOptions) -> None:
    """Writes the options that the masks of ``folder`` are made with.

    Args:
        folder: Folder of the masks of one sequence.
        method: Method of the masks, not ``auto``.
        options: The other options.

    Raises:
        OutputError: The file system refuses.
    """
    content = _settings(method, options) | {"release": installed_release()}
    write_atomically(folder / RECORD, json.dumps(content) + "\n")


def _settings(method: Method, options: SegmentOptions) -> dict[str, Any]:
    """Returns the settings that affect the masks, by the names of the options."""
    settings: dict[str, Any] = {"method": method.value}
    if method is Method.BACKGROUND:
        settings["subtractor"] = options.subtractor.value
    if method is not Method.BOXES:
        settings |= {"fill-empty": options.fill_empty, "blur": options.blur}
    return settings


def _read(folder: Path) -> dict[str, Any]:
    """Returns the record; empty if it is missing or damaged."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
