"""Reference tracking scores by TrackEval, MOTChallenge's own evaluation."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.errors import SpotStreamError
from stages.extras import require
from tools.annotations.distractors import MotObjects
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.trajectories import Trajectories
from tools.evaluation.benchmark import EntryScore
from tools.evaluation.comparison import Comparison, compare
from tools.evaluation.tracking import TrackingResult

SEQUENCE = "sequence"
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
        data = {}
        for truth in truths:
            each = score.sequences[truth.name]
            if each.given is not None and truth.mot_objects is not None:
                data[truth.name] = _preprocessed(truth, truth.mot_objects, each.given)
            elif each.tracks is not None:
                data[truth.name] = trackeval_data(compare(truth.tracks, each.tracks))
        if not data:
            continue
        ours = score.overall["tracking"]
        theirs = trackeval_scores(data, iou_threshold)
        differing = [
            f"{name} {ours[name]!r}, by TrackEval {theirs[name]!r}"
            for name in ours
            if not math.isclose(ours[name], theirs[name], rel_tol=1e-9, abs_tol=1e-9)
        ]
        if differing:
            raise SpotStreamError(f"{score.entry.label}{'; '.join(differing)}")
        kinds = sorted({each.mot_objects.benchmark for each in truths if each.mot_objects})
        how = f", as {' and '.join(kinds)}" if kinds else ""
        yield f"{score.entry.label}TrackEval finds the same in all {len(ours)} scores{how}"


def trackeval_scores(
    data: Mapping[str, dict[str, object]], iou_threshold: float
) -> dict[str, float]:
    """Returns TrackEval's scores over all sequences combined, under our names.

    Args:
        data: Sequences in the input format of TrackEval's metrics, see `trackeval_data`.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.

    Raises:
        ConfigError: TrackEval is not installed.
    """
    require("trackeval", "evaluate", "--check")
    from trackeval.metrics import CLEAR, HOTA, Identity

    settings = {"PRINT_CONFIG": False, "THRESHOLD": iou_threshold}
    combined: dict[str, float] = {}
    with contextlib.redirect_stdout(io.StringIO()):  # TrackEval prints settings and times
        for metric in (HOTA(), CLEAR(settings), Identity(settings)):
            results = {name: metric.eval_sequence(each) for name, each in data.items()}
            combined |= metric.combine_sequences(results)
    return {
        name: float(np.mean(combined[_OTHER_NAMES.get(name, name)]))
        for name in TrackingResult().scores
    }


def trackeval_data(comparison: Comparison) -> dict[str, object]:
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


def _preprocessed(
    truth: GroundTruth, objects: MotObjects, given: Trajectories
) -> dict[str, object]:
    """Returns a sequence of MOT16 or later as TrackEval's own preprocessing selects it."""
    require("trackeval", "evaluate", "--check")
    from trackeval.datasets import MotChallenge2DBox

    sizes = given.boxes[:, 2:] - given.boxes[:, :2]
    _, ids = np.unique(given.ids, return_inverse=True)  # TrackEval allocates up to the largest
    results = np.column_stack(
        (given.frames + 1, ids, given.boxes[:, :2], sizes, np.ones(len(given)))
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        root = Path(folder)
        (root / "tracks" / "data").mkdir(parents=True)
        np.savetxt(root / "truth.txt", objects.rows, "%.17g", ",")
        path = root / "tracks" / "data" / f"{SEQUENCE}.txt"
        np.savetxt(path, results, "%.17g", ",")
        data_set = MotChallenge2DBox(
            {
                "BENCHMARK": objects.benchmark,
                "GT_FOLDER": folder,
                "GT_LOC_FORMAT": "{gt_folder}/truth.txt",
                "TRACKERS_FOLDER": folder,
                "TRACKERS_TO_EVAL": ["tracks"],
                "SEQ_INFO": {SEQUENCE: truth.frame_count},
                "SKIP_SPLIT_FOL": True,
                "PRINT_CONFIG": False,
            }
        )
        raw = data_set.get_raw_seq_data("tracks", SEQUENCE)
        data: dict[str, object] = data_set.get_preprocessed_seq_data(raw, "pedestrian")
    return data
