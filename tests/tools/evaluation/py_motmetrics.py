"""The same scores by py-motmetrics."""

from __future__ import annotations

import motmetrics
import numpy as np

from tools.evaluation.comparison import Comparison

METRICS = [
    "num_matches",
    "num_switches",
    "num_misses",
    "num_false_positives",
    "num_fragmentations",
    "mota",
    "motp",
    "precision",
    "recall",
    "idtp",
    "idfp",
    "idfn",
    "idf1",
    "idp",
    "idr",
]


def score(comparison: Comparison) -> dict[str, float]:
    """All of `METRICS` at IoU >= 0.5; motp is a distance, 1 - IoU.

    Also ``mostly_tracked`` and ``mostly_lost``, from py-motmetrics' shares of tracked frames: its
    own counts include a share of exactly 0.8 in mostly tracked, and MOTChallenge does not.
    """
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame in comparison.frames:
        distances = np.where(frame.iou >= 0.5, 1 - frame.iou, np.nan)
        accumulator.update(frame.truth, frame.result, distances)
    values = motmetrics.metrics.create().compute(
        accumulator, metrics=[*METRICS, "track_ratios"], return_dataframe=False
    )
    shares = values.pop("track_ratios").to_numpy()
    values["mostly_tracked"] = np.count_nonzero(shares > 0.8)
    values["mostly_lost"] = np.count_nonzero(shares < 0.2)
    return values
