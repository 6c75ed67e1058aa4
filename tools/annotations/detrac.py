"""UA-DETRAC's annotations as ground truth to score against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.errors import ConfigError
from tools.annotations.detrac_xml import read_detrac_xml
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.ignored import IgnoredRegions
from tools.annotations.trajectories import Trajectories

LEVELS = ("easy", "medium", "hard")
PARTLY = 0.5  # up to so much of a vehicle may be hidden or outside on level medium


def read_detrac(path: Path) -> GroundTruth:
    """Reads the annotation of a sequence.

    The level of a vehicle is by the greater of its occluded share and its truncated share: easy
    where both are 0, medium up to one half, hard beyond, after the degrees of occlusion of the
    benchmark's paper (arXiv 1511.04136). The last annotated frame is taken for the last of the
    sequence.

    Raises:
        ConfigError: See `read_detrac_xml`; or a frame stands twice with the same id.
    """
    annotation = read_detrac_xml(path)
    frames = annotation.frames - 1
    try:
        tracks = Trajectories.from_arrays(frames, annotation.ids, annotation.boxes)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    share = annotation.hidden[np.lexsort((annotation.ids, frames))]
    return GroundTruth(
        name=annotation.name,
        frame_count=int(annotation.annotated_frames.max(initial=0)),
        tracks=tracks,
        objects=tracks,
        ignored=IgnoredRegions(annotation.regions),
        levels=dict(
            zip(LEVELS, (share == 0, (share > 0) & (share <= PARTLY), share > PARTLY), strict=True)
        ),
        conditions={} if annotation.weather is None else {"weather": annotation.weather},
    )
