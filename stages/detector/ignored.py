"""Regions of a frame where detections do not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stages.records import Detections
from trackers.boxes import centers_inside


def outside(detections: Detections, regions: npt.ArrayLike) -> Detections:
    """Returns the detections whose centres lie outside all regions.

    Args:
        detections: Detections of a frame.
        regions: ``(R, 4)`` left, top, right, bottom in pixels of the frame.
    """
    kept = ~centers_inside(detections.boxes, np.asarray(regions, np.float32).reshape(-1, 4))
    return replace(
        detections,
        boxes=detections.boxes[kept],
        scores=detections.scores[kept],
        classes=detections.classes[kept],
    )
