"""Reference tracking scores by TrackEval, MOTChallenge's own evaluation."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stages.errors import SpotStreamError
from stages.extras import need
from tools.annotations.ground_truth import GroundTruth
from tools.evaluation.benchmark import EntryScore
from tools.evaluation.comparison import Comparison, compare
from tools.evaluation.tracking import TrackingResult

_OTHER_NAMES = {"TP": "CLR_TP", "FP": "CLR_FP", "FN": "CLR_FN", "IDS": "IDSW"}  # TrackEval's


def check_by_trackeval(
    scores: Sequence[EntryScore], truths: Sequence[GroundTruth], iou_threshold: float
) -> Iterator[str]:
    """Compares tracking scores with TrackEval's; yields a line for each entry that agrees.

    Raises:
        ConfigError: TrackEval is not installed.
        SpotStreamError: A score differs.
    """
    for score in scores:
        comparisons = {
            truth.name: compare(truth.tracks, tracks)
            for truth in truths
            if (tracks := score.sequences[truth.name].tracks) is not None
        }
        if not comparisons:
            continue
        ours = score.overall["tracking"]
        theirs = trackeval_scores(comparisons, iou_threshold)
        differing = [
            f"{name} {ours[name]!r}, by TrackEval {theirs[name]!r}"
            for name in ours
            if not math.isclose(ours[name], theirs[name], rel_tol=1e-9, abs_tol=1e-9)
        ]
        if differing:
            raise SpotStreamError(f"{score.entry.label}{'; '.join(differing)}")
        yield f"{score.entry.label}TrackEval finds the same in all {len(ours)} scores"


def trackeval_scores(
    comparisons: Mapping[str, Comparison], iou_threshold: float = 0.5
) -> dict[str, float]:
    """Returns TrackEval's scores over all sequences combined.

    Args:
        comparisons: A comparison for each sequence.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.

    Returns:
        The scores of `TrackingResult.scores`, under the same names.

    Raises:
        ConfigError: TrackEval is not installed.
    """
    need("trackeval", "evaluate")
    from trackeval.metrics import CLEAR, HOTA, Identity

    settings = {"PRINT_CONFIG": False, "THRESHOLD": iou_threshold}
    combined: dict[str, float] = {}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its settings and times
        for metric in (HOTA(), CLEAR(settings), Identity(settings)):
            results = {
                name: metric.eval_sequence(_data(comparison))
                for name, comparison in comparisons.items()
            }
            combined |= metric.combine_sequences(results)
    return {
        name: float(np.mean(combined[_OTHER_NAMES.get(name, name)]))
        for name in TrackingResult().scores
    }


def _data(comparison: Comparison) -> dict[str, object]:
    """Returns a sequence in the input format of TrackEval's metrics."""
    frames = comparison.frames
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(comparison.truth_lengths),
        "num_tracker_ids": len(comparison.result_lengths),
        "num_gt_dets": int(comparison.truth_lengths.sum()),
        "num_tracker_dets": int(comparison.result_lengths.sum()),
        "gt_ids": [frame.truth for frame in frames],
        "tracker_ids": [frame.result for frame in frames],
        "similarity_scores": [frame.iou for frame in frames],
    }
