from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tools.evaluation.clear import ClearResult
from tools.evaluation.pr_protocol import PR_IOU, THRESHOLDS, PrPoint, pr_scores


def point(precision: float, recall: float, **counts: int) -> PrPoint:
    """A point for 1000 true boxes, with ``counts`` as its CLEAR result."""
    hits = round(1000 * recall)
    return PrPoint(hits, round(hits / precision), 1000, ClearResult(**counts))


def test_thresholds() -> None:
    assert THRESHOLDS == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert PR_IOU == 0.7


def test_pr_scores_of_two_points_worked_by_hand() -> None:
    """From (0.5, 1) to (1, 0.5): a line of length √½; MOTA 0.2 and 0.4; half of √½ · 0.3."""
    low = point(0.5, 1.0, true_positives=500, false_negatives=500, false_positives=300)
    high = point(1.0, 0.5, true_positives=400, false_negatives=600, id_switches=0)
    assert (low.precision, low.recall, high.precision, high.recall) == (0.5, 1.0, 1.0, 0.5)
    assert (low.scores["MOTA"], high.scores["MOTA"]) == (0.2, 0.4)
    scores = pr_scores([low, high])
    length = np.sqrt(0.5)
    assert scores["PR-MOTA"] == pytest.approx(length * 0.3 / 2)
    assert scores["PR-FP"] == pytest.approx(length * 150 / 2)
    assert scores["PR-FN"] == pytest.approx(length * 550 / 2)


def test_pr_scores_sum_over_the_segments_of_a_curve() -> None:
    points = [
        point(0.5, 0.9, true_positives=900, false_negatives=100, id_switches=20),
        point(0.9, 0.9, true_positives=800, false_negatives=200, id_switches=10),
        point(0.9, 0.1, true_positives=100, false_negatives=900),
    ]
    whole = pr_scores(points)
    pieces = [pr_scores(pair) for pair in pairwise(points)]
    for name, value in whole.items():
        assert value == pytest.approx(sum(piece[name] for piece in pieces))
    assert whole["PR-IDS"] == pytest.approx((0.4 * 15 + 0.8 * 5) / 2)


def test_a_threshold_without_detections_adds_no_point() -> None:
    drawn = [point(0.5, 1.0, true_positives=1), point(1.0, 0.5, true_positives=1)]
    empty = PrPoint(truth=1000, clear=ClearResult(false_negatives=1000, mostly_lost=9))
    assert pr_scores([*drawn, empty]) == pr_scores(drawn)


def test_a_threshold_with_only_false_detections_adds_a_point() -> None:
    low = point(0.5, 1.0, true_positives=400, false_negatives=600)
    false = PrPoint(0, 7, 1000, ClearResult(false_negatives=1000))
    # From (0.5, 1) to (0, 0), MOTA 0.4 and 0.
    assert pr_scores([low, false])["PR-MOTA"] == pytest.approx(np.sqrt(1.25) * 0.2 / 2)


@pytest.mark.parametrize("points", [[], [PrPoint()], [PrPoint(1, 1, 1)], [PrPoint(truth=5)] * 11])
def test_fewer_than_two_points_score_0(points: list[PrPoint]) -> None:
    assert set(pr_scores(points).values()) == {0.0}


def test_without_true_boxes_recall_is_0() -> None:
    assert PrPoint(detections=4).recall == 0
    assert set(pr_scores([PrPoint(detections=4), PrPoint(detections=2)]).values()) == {0.0}


def test_thresholds_with_equal_detections_add_nothing() -> None:
    one = point(0.8, 0.8, true_positives=5)
    assert set(pr_scores([one] * 11).values()) == {0.0}


def test_mt_and_ml_are_shares_of_all_tracks() -> None:
    tracks = ClearResult(mostly_tracked=3, partly_tracked=4, mostly_lost=1)
    scores = PrPoint(clear=tracks).scores
    assert (scores["MT"], scores["ML"]) == (3 / 8, 1 / 8)


def test_a_single_box_and_a_single_track_give_full_scores() -> None:
    tracked = PrPoint(1, 1, 1, ClearResult(mostly_tracked=1))
    assert (tracked.precision, tracked.recall, tracked.scores["MT"]) == (1, 1, 1)
    assert PrPoint(clear=ClearResult(mostly_lost=1)).scores["ML"] == 1


def test_sequences_add_up() -> None:
    total = sum([PrPoint(1, 2, 3, ClearResult(id_switches=1))] * 3, PrPoint())
    assert total == PrPoint(3, 6, 9, ClearResult(id_switches=3))
