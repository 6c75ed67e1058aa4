from __future__ import annotations

import pytest

from tests.tools.evaluation import py_motmetrics
from tests.tools.evaluation.conftest import (
    SAMPLES,
    compared,
    motmetrics_sample,
    reference_outputs,
    without_gaps,
)
from tests.trackers.conftest import SEQUENCES
from tools.evaluation.clear import ClearResult, clear, errors_by_frame, match_boxes
from tools.evaluation.comparison import Comparison, compare


def assert_equals_motmetrics(comparison: Comparison) -> None:
    actual, expected = clear(comparison), py_motmetrics.score(comparison)
    assert actual.true_positives == expected["num_matches"] + expected["num_switches"]
    assert actual.false_positives == expected["num_false_positives"]
    assert actual.false_negatives == expected["num_misses"]
    assert actual.id_switches == expected["num_switches"]
    assert actual.mostly_tracked == expected["mostly_tracked"]
    assert actual.mostly_lost == expected["mostly_lost"]
    assert actual.mota == pytest.approx(expected["mota"])
    assert actual.motp == pytest.approx(1 - expected["motp"])
    assert actual.precision == pytest.approx(expected["precision"])
    assert actual.recall == pytest.approx(expected["recall"])


@pytest.mark.parametrize("ages", [(1, 30), (30, 1)])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_equals_motmetrics(sequence: str, ages: tuple[int, int]) -> None:
    assert_equals_motmetrics(compare(*reference_outputs(sequence, ages)))


@pytest.mark.parametrize("name", SAMPLES)
def test_equals_motmetrics_on_its_own_samples(name: str) -> None:
    assert_equals_motmetrics(compare(*motmetrics_sample(name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_fragmentations_equal_motmetrics(name: str) -> None:
    """On ground truth without gaps, at which py-motmetrics counts no fragmentations."""
    truth, result = motmetrics_sample(name)
    comparison = compare(without_gaps(truth), result)
    expected = py_motmetrics.score(comparison)["num_fragmentations"]
    assert clear(comparison).fragmentations == expected


def test_a_gap_in_the_ground_truth_is_a_fragmentation() -> None:
    """As in TrackEval."""
    other = {9: 500.0}
    frames = ({1: 0, **other}, other, {1: 0, **other})
    assert clear(compared(frames, frames)).fragmentations == 1


def test_a_frame_without_any_result_is_no_fragmentation() -> None:
    """As in TrackEval, which skips such frames."""
    comparison = compared(({1: 0},) * 3, ({1: 0}, {}, {1: 0}))
    result = clear(comparison)
    assert (result.fragmentations, result.false_negatives) == (0, 1)
    assert py_motmetrics.score(comparison)["num_fragmentations"] == 1


def test_a_frame_without_any_result_is_a_fragmentation_in_ua_detrac() -> None:
    result = clear(compared(({1: 0},) * 3, ({1: 0}, {}, {1: 0})), as_detrac=True)
    assert (result.fragmentations, result.false_negatives) == (1, 1)
    late = clear(compared(({1: 0},) * 3, ({}, {1: 0}, {1: 0})), as_detrac=True)
    assert late.fragmentations == 0


def test_a_perfect_result() -> None:
    frames = ({1: 0, 2: 50}, {1: 1, 2: 51})
    result = clear(compared(frames, frames))
    assert result == ClearResult(true_positives=4, mostly_tracked=2, iou_sum=4.0)
    assert (result.mota, result.motp, result.precision, result.recall) == (1, 1, 1, 1)


def test_a_single_box_gives_full_scores() -> None:
    result = clear(compared(({1: 0},), ({1: 0},)))
    assert (result.mota, result.motp, result.precision, result.recall) == (1, 1, 1, 1)


def test_no_result() -> None:
    result = clear(compared(({1: 0}, {1: 1}), ()))
    assert result == ClearResult(false_negatives=2, mostly_lost=1)
    assert (result.mota, result.motp, result.precision, result.recall) == (0, 0, 0, 0)


def test_no_ground_truth() -> None:
    result = clear(compared((), ({1: 0}, {1: 1})))
    assert result == ClearResult(false_positives=2)
    assert (result.mota, result.precision, result.recall) == (-2, 0, 0)


def test_nothing_at_all() -> None:
    assert clear(compared((), ())) == ClearResult()


def test_tracks_of_one_frame() -> None:
    result = clear(compared(({1: 0}, {2: 100}), ({1: 0}, {1: 200})))
    assert result == ClearResult(
        true_positives=1,
        false_positives=1,
        false_negatives=1,
        mostly_tracked=1,
        mostly_lost=1,
        iou_sum=1.0,
    )
    assert result.mota == 0


def test_a_track_that_is_never_matched_has_no_fragmentations() -> None:
    result = clear(compared(({1: 0, 2: 100},) * 3, ({2: 100},) * 3))
    assert (result.fragmentations, result.mostly_lost) == (0, 1)


def test_a_pair_of_the_previous_frame_is_kept_despite_a_better_overlap() -> None:
    result = clear(compared(({1: 0}, {1: 0}), ({7: 0}, {7: 3, 8: 0})))
    assert (result.id_switches, result.false_positives) == (0, 1)
    assert result.iou_sum == pytest.approx(1 + 7 / 13)


def test_a_pair_is_not_kept_below_the_threshold() -> None:
    result = clear(compared(({1: 0}, {1: 0}), ({7: 0}, {7: 4, 8: 0})))
    assert (result.id_switches, result.true_positives) == (1, 2)


def test_remaining_boxes_are_matched_for_the_greatest_sum() -> None:
    # 1 overlaps 7 and 8, 2 only 7: both are matched, though 1 with 7 is the best single pair.
    result = clear(compared(({1: 10, 2: 8},), ({7: 9.5, 8: 12},)))
    assert result.true_positives == 2


def test_an_id_switch_across_a_gap_is_counted_once() -> None:
    other = {9: 500.0}
    truth = ({1: 0, **other},) * 5
    comparison = compared(truth, ({5: 0, **other}, {5: 0, **other}, other, other, {6: 0, **other}))
    result = clear(comparison)
    errors = errors_by_frame(comparison, match_boxes(comparison, 0.5), 6)  # the last one is empty
    assert errors.tolist() == [[0, 0, 0]] * 2 + [[0, 1, 0]] * 2 + [[0, 0, 1], [0, 0, 0]]
    assert (result.id_switches, result.fragmentations, result.false_negatives) == (1, 1, 2)
    assert (result.mostly_tracked, result.partly_tracked) == (1, 1)


@pytest.mark.parametrize(("as_detrac", "at_the_limit"), [(False, 0), (True, 1)])
def test_mostly_tracked_is_beyond_80_percent_and_mostly_lost_below_20(
    as_detrac: bool, at_the_limit: int
) -> None:
    """UA-DETRAC includes the limits."""

    def with_matches(count: int) -> ClearResult:
        truth = ({1: 0.0},) * 10
        return clear(compared(truth, truth[:count]), as_detrac=as_detrac)

    assert [with_matches(count).mostly_tracked for count in (7, 8, 9)] == [0, at_the_limit, 1]
    assert [with_matches(count).mostly_lost for count in (1, 2, 3)] == [1, at_the_limit, 0]


def test_an_iou_equal_to_the_threshold_matches() -> None:
    half = ({1: 0},), ({1: 10 / 3},)  # IoU 1/2
    assert clear(compared(*half), 0.5).true_positives == 1
    assert clear(compared(*half), 0.51).true_positives == 0
    assert clear(compared(({1: 0},), ({1: 0},)), 1.0).true_positives == 1
    for threshold in (0.0, 1.1):
        with pytest.raises(ValueError, match=r"iou_threshold must lie in \(0, 1\]"):
            clear(compared(*half), threshold)


def test_sequences_add_up() -> None:
    perfect = clear(compared(({1: 0},) * 3, ({1: 0},) * 3))
    missed = clear(compared(({1: 0},), ()))
    both = perfect + missed
    assert both == ClearResult(
        true_positives=3, false_negatives=1, mostly_tracked=1, mostly_lost=1, iou_sum=3.0
    )
    assert both.mota == 0.75
