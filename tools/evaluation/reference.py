"""The same tracking scores by TrackEval, MOTChallenge's own evaluation."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping

import numpy as np

from stages.errors import ConfigError, install_hint
from tools.evaluation.comparison import Comparison


def trackeval_scores(
    comparisons: Mapping[str, Comparison], iou_threshold: float = 0.5
) -> dict[str, float]:
    """What TrackEval computes over all sequences together.

    Args:
        comparisons: A comparison for each sequence.
        iou_threshold: Least IoU of a match for CLEAR and IDF1.

    Returns:
        The scores of `tools.evaluation.tracking.TrackingResult.scores`, by the same names.

    Raises:
        ConfigError: TrackEval is not installed.
    """
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise ConfigError(f"TrackEval is not installed; {install_hint('evaluate')}") from error
    settings = {"PRINT_CONFIG": False, "THRESHOLD": iou_threshold}
    combined: dict[str, float] = {}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its settings and times
        for metric in (HOTA(), CLEAR(settings), Identity(settings)):
            results = {
                name: metric.eval_sequence(_data(comparison))
                for name, comparison in comparisons.items()
            }
            combined |= metric.combine_sequences(results)
    names = {
        "HOTA": "HOTA",
        "DetA": "DetA",
        "AssA": "AssA",
        "DetRe": "DetRe",
        "DetPr": "DetPr",
        "AssRe": "AssRe",
        "AssPr": "AssPr",
        "LocA": "LocA",
        "MOTA": "MOTA",
        "MOTP": "MOTP",
        "IDF1": "IDF1",
        "IDP": "IDP",
        "IDR": "IDR",
        "TP": "CLR_TP",
        "FP": "CLR_FP",
        "FN": "CLR_FN",
        "IDS": "IDSW",
        "Frag": "Frag",
        "MT": "MT",
        "PT": "PT",
        "ML": "ML",
    }
    return {ours: float(np.mean(combined[theirs])) for ours, theirs in names.items()}


def _data(comparison: Comparison) -> dict[str, object]:
    """A sequence in the form that TrackEval's metrics take."""
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
