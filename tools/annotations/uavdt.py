"""Reading of UAVDT's ground truth: three text files per sequence."""

from __future__ import annotations

from pathlib import Path

from stages.number_table import NumberTable
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.mot_file import MIN_COLUMNS, boxes_of, read_mot

TRACKS_SUFFIX, OBJECTS_SUFFIX, IGNORED_SUFFIX = "_gt.txt", "_gt_whole.txt", "_gt_ignore.txt"


def read_uavdt_ground_truth(folder: Path, name: str) -> GroundTruth:
    """Reads ``NAME_gt.txt`` (tracking), ``NAME_gt_whole.txt`` (detection), ``NAME_gt_ignore.txt``.

    Without a detection file, detections are scored against the tracking file; without a file of
    ignored boxes, none are ignored. The last frame in any of the files is taken as the last of the
    sequence.

    Raises:
        ConfigError: A file is missing or malformed; the message names file and line.
    """
    tracks = read_mot(folder / f"{name}{TRACKS_SUFFIX}")
    whole = folder / f"{name}{OBJECTS_SUFFIX}"
    objects = read_mot(whole) if whole.exists() else tracks
    path = folder / f"{name}{IGNORED_SUFFIX}"
    ignored, last = IgnoredRegions(rule="center"), 0
    if path.exists():
        table = NumberTable.read(path, MIN_COLUMNS, "ignored boxes")
        frames = table.frame_indices()
        ignored = IgnoredRegions(boxes_of(table), frames, "center")
        last = int(frames.max(initial=-1)) + 1
    frame_count = max(tracks.frame_count, objects.frame_count, last)
    return GroundTruth(name, frame_count, tracks, objects, ignored)
