from __future__ import annotations

import pytest

from tests.tools.evaluation import py_motmetrics
from tests.tools.evaluation.conftest import (
    compared,
    motmetrics_sample,
    noisy,
    reference_outputs,
)
from tests.trackers.conftest import SEQUENCES
from tools.evaluation.comparison import Comparison, compare
from tools.evaluation.identity import IdentityResult, identity


def assert_equals_motmetrics(comparison: Comparison) -> None:
    actual, expected = identity(comparison), py_motmetrics.score(comparison)
    assert actual.true_positives == expected["idtp"]
    assert actual.false_positives == expected["idfp"]
    assert actual.false_negatives == expected["idfn"]
    assert actual.f1 == pytest.approx(expected["idf1"])
    assert actual.precision == pytest.approx(expected["idp"])
    assert actual.recall == pytest.approx(expected["idr"])


@pytest.mark.parametrize("ages", [(1, 30), (30, 1)])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_equals_motmetrics(sequence: str, ages: tuple[int, int]) -> None:
    assert_equals_motmetrics(compare(*reference_outputs(sequence, ages)))


@pytest.mark.parametrize("seed", range(3))
def test_equals_motmetrics_on_noisy_results(seed: int) -> None:
    truth, _ = motmetrics_sample("TUD-Campus")
    assert_equals_motmetrics(compare(truth, noisy(truth, seed)))


def test_the_longer_part_of_a_split_track_counts() -> None:
    result = identity(compared(({1: 0},) * 10, ({5: 0},) * 7 + ({6: 0},) * 3))
    assert result == IdentityResult(7, 3, 3)
    assert (result.precision, result.recall, result.f1) == pytest.approx((0.7, 0.7, 0.7))


def test_a_single_box_gives_full_scores() -> None:
    result = identity(compared(({1: 0},), ({1: 0},)))
    assert (result.precision, result.recall, result.f1) == (1, 1, 1)


def test_a_result_track_is_paired_with_one_ground_truth_track() -> None:
    result = identity(compared(({1: 0},) * 4 + ({2: 0},) * 6, ({5: 0},) * 10))
    assert result == IdentityResult(6, 4, 4)


def test_the_pairing_is_the_best_over_all_tracks() -> None:
    # 5 covers 1 in three frames and 2 in two, 6 covers 1 in two: 5 with 2, 6 with 1 gives four.
    truth = ({1: 0},) * 5 + ({2: 0},) * 2
    result = ({5: 0},) * 3 + ({6: 0},) * 2 + ({5: 0},) * 2
    assert identity(compared(truth, result)).true_positives == 4


@pytest.mark.parametrize(
    ("truth", "result", "expected"),
    [
        (({1: 0}, {1: 1}), (), IdentityResult(0, 0, 2)),
        ((), ({1: 0}, {1: 1}), IdentityResult(0, 2, 0)),
        ((), (), IdentityResult(0, 0, 0)),
        (({1: 0}, {2: 100}), ({1: 0}, {1: 200}), IdentityResult(1, 1, 1)),
    ],
)
def test_empty_sides_and_short_tracks(
    truth: tuple[dict[int, float], ...],
    result: tuple[dict[int, float], ...],
    expected: IdentityResult,
) -> None:
    actual = identity(compared(truth, result))
    assert actual == expected
    if actual.true_positives == 0:
        assert (actual.f1, actual.precision, actual.recall) == (0, 0, 0)


def test_the_iou_threshold_is_validated_and_applied() -> None:
    for threshold in (0.0, 1.1):
        with pytest.raises(ValueError, match=r"iou_threshold must lie in \(0, 1\]"):
            identity(compared(({1: 0},), ({1: 0},)), threshold)
    assert identity(compared(({1: 0},), ({1: 0},)), 1.0).true_positives == 1
    assert identity(compared(({1: 0},), ({1: 5},)), 1 / 3).true_positives == 1
    assert identity(compared(({1: 0},), ({1: 3},)), 0.53).true_positives == 1
    assert identity(compared(({1: 0},), ({1: 3},)), 0.55).true_positives == 0


def test_sequences_add_up() -> None:
    assert IdentityResult(3, 1, 0) + IdentityResult(1, 2, 4) == IdentityResult(4, 3, 4)
