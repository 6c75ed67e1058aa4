"""A warning if SORT, which by default has no score threshold, is given mostly noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.records import Float32Array

_WEAK = 0.2
_CONFIDENT = 0.5  # if no score is higher, scores may mean anything
_MANY = 1 / 3  # of the detections


def keeps_weak(tracker: str, settings: Mapping[str, object]) -> bool:
    """Returns whether a tracker, by its name and settings, is SORT without a threshold."""
    return tracker == "sort" and not settings.get("min_score")


def warning_of_weak(scores: Float32Array, named: str) -> str | None:
    """Returns a warning if many of the detections are weak.

    Scores outside [0, 1] have some other meaning; 0 stands for no score.

    Args:
        scores: ``(N,)`` scores of all detections.
        named: Options that name a tracker that leaves weak detections out.
    """
    weak = np.count_nonzero((scores > 0) & (scores < _WEAK))
    if weak <= _MANY * len(scores) or scores.min() < 0 or not _CONFIDENT < scores.max() <= 1:
        return None
    return (
        f"{weak / len(scores):.0%} of the detections have scores below {_WEAK:g}, and SORT tracks "
        f"all, whatever their score; {named} or --set min_score=0.3 leaves weak ones out"
    )
