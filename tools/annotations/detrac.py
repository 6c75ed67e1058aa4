"""UA-DETRAC's annotations as ground truth to score against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.annotations.detrac_xml import read_detrac_xml
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.trajectories import Trajectories

LEVELS = ("easy", "medium", "hard")
# Hidden or truncated fraction up to which a vehicle is medium; decimals are not exact in binary.
PARTLY = 0.5 + 1e-6


def read_detrac_ground_truth(path: Path) -> GroundTruth:
    """Reads the annotation of a sequence.

    A vehicle's level follows from the larger of its occluded and truncated fractions: easy if both
    are 0, medium up to one half, hard beyond, as in the degrees of occlusion in the benchmark's
    paper (arXiv 1511.04136). The last annotated frame is taken as the last of the sequence. Tracks
    begin and end outside ignored regions, as in the benchmark's program: results in these regions
    are not scored, so no tracker could complete such a track.

    Raises:
        ConfigError: As for `read_detrac_xml`.
    """
    annotation = read_detrac_xml(path)
    frames = annotation.frames - 1
    tracks = Trajectories.from_arrays(frames, annotation.ids, annotation.boxes)
    ignored = IgnoredRegions(annotation.regions)
    share = annotation.hidden[np.lexsort((annotation.ids, frames))]
    return GroundTruth(
        name=annotation.name,
        frame_count=int(annotation.annotated_frames.max(initial=0)),
        tracks=_ends_outside(tracks, ignored),
        objects=tracks,
        ignored=ignored,
        levels=dict(
            zip(LEVELS, (share == 0, (share > 0) & (share <= PARTLY), share > PARTLY), strict=True)
        ),
        conditions={} if annotation.weather is None else {"weather": annotation.weather},
    )


def _ends_outside(tracks: Trajectories, ignored: IgnoredRegions) -> Trajectories:
    """Drops each track's boxes before its first and after its last box outside ignored regions."""
    outside = ~ignored.cover(tracks.frames, tracks.boxes)
    _, numbers = np.unique(tracks.ids, return_inverse=True)
    frames, number = tracks.frames[outside], numbers[outside]
    first = np.full(len(numbers), np.iinfo(np.int64).max)
    last = np.full(len(numbers), -1)
    np.minimum.at(first, number, frames)
    np.maximum.at(last, number, frames)
    return tracks.where((first[numbers] <= tracks.frames) & (tracks.frames <= last[numbers]))
