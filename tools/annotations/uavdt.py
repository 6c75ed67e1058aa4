"""Reads UAVDT's ground truth: three text files per sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.errors import ConfigError
from stages.number_table import NumberTable
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.mot_file import MIN_COLUMNS, boxes_of, read_mot

TRACKS_SUFFIX, OBJECTS_SUFFIX, IGNORED_SUFFIX = "_gt.txt", "_gt_whole.txt", "_gt_ignore.txt"
INSTEAD = {
    OBJECTS_SUFFIX: f"detections are scored against {TRACKS_SUFFIX}",
    IGNORED_SUFFIX: "no boxes are ignored",
}
"""Consequence of a missing file, by its suffix."""


def read_uavdt_ground_truth(folder: Path, name: str) -> GroundTruth:
    """Reads ``NAME_gt.txt`` (tracking), ``NAME_gt_whole.txt`` (detection), ``NAME_gt_ignore.txt``.

    Each may be compressed, with a name ending in ``.gz``. The last two are optional; `INSTEAD` says
    what applies without them. The last frame in any of the files is taken as the last of the
    sequence.

    Raises:
        ConfigError: The tracking file is missing, or a file is malformed or exists both plain and
            compressed; the message names file and line.
    """
    whole, regions = (find_file(folder, name, each) for each in (OBJECTS_SUFFIX, IGNORED_SUFFIX))
    tracks = read_mot(find_file(folder, name, TRACKS_SUFFIX) or folder / f"{name}{TRACKS_SUFFIX}")
    objects = tracks if whole is None else read_mot(whole)
    ignored, last = IgnoredRegions(), 0
    if regions is not None:
        table = NumberTable.read(regions, MIN_COLUMNS, "ignored boxes")
        frames = table.frame_indices()
        ignored = IgnoredRegions(boxes_of(table), frames, "center")
        last = int(frames.max(initial=-1)) + 1
    frame_count = max(tracks.frame_count, objects.frame_count, last)
    files = {OBJECTS_SUFFIX: whole, IGNORED_SUFFIX: regions}
    missing = tuple(suffix for suffix, file in files.items() if file is None)
    return GroundTruth(name, frame_count, tracks, objects, ignored, missing=missing)


def missing_files(
    truths: Sequence[GroundTruth], suffixes: Iterable[str] = tuple(INSTEAD)
) -> dict[str, list[str]]:
    """Returns, by suffix, the sequences that lack that file; omits suffixes that none lacks."""
    lacking = {
        suffix: [truth.name for truth in truths if suffix in truth.missing] for suffix in suffixes
    }
    return {suffix: names for suffix, names in lacking.items() if names}


def find_file(folder: Path, name: str, suffix: str) -> Path | None:
    """Returns the file of a sequence, plain or compressed; None if there is neither.

    Raises:
        ConfigError: Both exist.
    """
    files = [folder / f"{name}{suffix}{packed}" for packed in ("", ".gz")]
    found = [file for file in files if file.exists()]
    if len(found) > 1:
        raise ConfigError(f"{found[0]} is there also as {found[1].name}; keep one")
    return found[0] if found else None
