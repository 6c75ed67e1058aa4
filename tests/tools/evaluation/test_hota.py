from __future__ import annotations

import numpy as np
import pytest

from tests.tools.evaluation.conftest import (
    SAMPLES,
    compared,
    motmetrics_sample,
    noisy,
    reference_outputs,
)
from tests.trackers.conftest import SEQUENCES
from tools.evaluation.comparison import Comparison, compare
from tools.evaluation.hota import ALPHAS, hota
from tools.evaluation.reference import trackeval_data, trackeval_scores
from tools.evaluation.tracking import TrackingResult, score_tracking, total

pytest.importorskip("trackeval")


def assert_equals_trackeval(comparisons: dict[str, Comparison]) -> None:
    result = total(score_tracking(each) for each in comparisons.values())
    theirs = {name: trackeval_data(each) for name, each in comparisons.items()}
    assert result.scores == pytest.approx(trackeval_scores(theirs, 0.5), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("ages", [(1, 30), (30, 1)])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_equals_trackeval(sequence: str, ages: tuple[int, int]) -> None:
    assert_equals_trackeval({sequence: compare(*reference_outputs(sequence, ages))})


@pytest.mark.parametrize("name", SAMPLES)
def test_equals_trackeval_on_the_samples_of_motmetrics(name: str) -> None:
    assert_equals_trackeval({name: compare(*motmetrics_sample(name))})


@pytest.mark.parametrize("seed", range(3))
def test_equals_trackeval_on_bad_results_of_several_sequences(seed: int) -> None:
    comparisons = {}
    for name in SAMPLES:
        truth, result = motmetrics_sample(name)
        comparisons[name] = compare(truth, noisy(result, seed))
    assert_equals_trackeval(comparisons)


@pytest.mark.parametrize(
    ("truth", "result"),
    [
        ((), ()),
        (({1: 0}, {1: 1}), ()),
        ((), ({1: 0}, {1: 1})),
        (({1: 0},), ({1: 1},)),
        (({1: 0, 2: 50}, {1: 0}), ({5: 50},)),
        (({1: 0}, {2: 100}), ({1: 0}, {1: 200})),
        (({1: 0}, {}, {1: 0}), ({}, {5: 3}, {5: 3})),
        (({1: 0, 2: 0},), ({1: 0, 2: 0, 3: 0},)),
    ],
    ids=[
        *("nothing", "no result", "no truth", "one box", "one track"),
        *("one each", "gaps", "identical boxes"),
    ],
)
def test_equals_trackeval_in_edge_cases(
    truth: tuple[dict[int, float], ...], result: tuple[dict[int, float], ...]
) -> None:
    full = compared(({1: 0, 2: 50}, {1: 2, 2: 50}), ({1: 0, 2: 52}, {3: 0, 2: 54}))
    assert_equals_trackeval({"edge": compared(truth, result)})
    assert_equals_trackeval({"edge": compared(truth, result), "full": full})


def test_hota_of_a_worked_example() -> None:
    """Two frames, one object, found in both under two ids: DetA 1, AssA 1/2."""
    result = hota(compared(({1: 0}, {1: 0}), ({1: 0}, {2: 0})))
    assert result.det_a == 1
    assert result.ass_a == pytest.approx(0.5)
    assert result.hota == pytest.approx(np.sqrt(0.5))


def test_the_hota_curve_is_0_above_the_overlap() -> None:
    """Boxes shifted by a third have an IoU of one half."""
    curve = hota(compared(({1: 0},), ({1: 10 / 3},))).hota_curve
    assert (curve == (ALPHAS < 0.51)).all()


def test_adding_an_empty_result_changes_nothing() -> None:
    full = score_tracking(compared(({1: 0},), ({1: 2},)))
    assert (full + TrackingResult()).scores == full.scores
