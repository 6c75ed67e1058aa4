import math

import numpy as np
import pytest

from tools.evaluation.detection import DetectionResult, judge

A, B = [0, 0, 10, 10], [20, 20, 40, 40]


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def scores(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("found", "confidence", "expected"),
    [
        (boxes(A, B), scores(0.9, 0.8), 1.0),
        (boxes(A), scores(0.9), 0.5),
        (boxes([50, 50, 60, 60], A, B), scores(0.9, 0.8, 0.7), 2 / 3),
        (boxes(A, A, B, A), scores(0.9, 0.8, 0.7, 0.6), 0.5 + 0.5 * 2 / 3),  # one A is true
        (boxes(A, B, *[A] * 60), scores(*[0.5] * 62), 1.0),  # equal scores in their order
        (boxes(), scores(), 0.0),
    ],
)
def test_average_precision_of_worked_examples(found, confidence, expected):
    judged = judge(boxes(A, B), found, confidence, 0.5)
    assert judged.average_precision == pytest.approx(expected)


def test_a_single_found_box_gives_an_average_precision_of_1():
    assert judge(boxes(A), boxes(A), scores(0.9), 0.5).average_precision == 1


def test_equal_scores_are_ranked_in_input_order():
    confidence = scores(*[0.8, 0.9] * 4)
    found = boxes(*[[50, 50, 60, 60], A] * 4)
    found[5] = B
    judged = judge(boxes(A, B), found, confidence, 0.5)
    assert judged.hits.tolist() == [True, False, True, *[False] * 5]
    together = DetectionResult(confidence, np.arange(8) == 5, 1)
    assert together.curve[0].tolist() == [0, 0, *[1] * 6]


def test_hits_depend_on_the_overlap():
    found = boxes([0, 0, 10, 6])
    assert judge(boxes(A), found, scores(1), 0.5).hits.tolist() == [True]
    assert judge(boxes(A), found, scores(1), 0.7).hits.tolist() == [False]
    found, truth = boxes([0, 0.1, 10, 7.1]), boxes([0, 0.1, 10, 10.1])  # in float32 below 0.7
    assert judge(truth, found, scores(1), 0.7).hits.tolist() == [True]


def test_average_precision_without_true_boxes_is_nan():
    judged = judge(boxes(), boxes(A), scores(1), 0.5)
    assert math.isnan(judged.average_precision)
    assert [each.tolist() for each in judged.curve] == [[0], [0]]


def test_combined_images_are_ranked_by_score():
    images = (
        judge(boxes(A, B), boxes(A, B), scores(0.7, 0.3), 0.5),
        judge(boxes(A), boxes(A, B), scores(0.5, 0.9), 0.5),
    )
    recall, precision = DetectionResult.combined(images).curve
    assert recall.tolist() == [0, 1 / 3, 2 / 3, 1]
    assert precision.tolist() == [0, 1 / 2, 2 / 3, 3 / 4]


def test_neutral_boxes_are_neither_found_nor_missed() -> None:
    neutral = np.array([False, True])
    truth = np.array([A, B], np.float64)
    both = judge(truth, np.array([A, B], np.float64), np.array([0.9, 0.8]), 0.5, neutral)
    assert (both.hits.tolist(), both.truth) == ([True], 1)
    other = judge(truth, np.array([A, B], np.float64), np.array([0.7, 0.8]), 0.5, neutral)
    assert (other.hits.tolist(), other.scores.tolist()) == ([True], [np.float32(0.7)])
    none = judge(truth, np.array([B], np.float64), np.array([0.9]), 0.5, neutral)
    assert (none.hits.tolist(), none.truth) == ([], 1)


def test_forgiven_detections_count_only_if_they_match() -> None:
    truth, found = np.array([A], np.float64), np.array([B, A, B], np.float64)
    for forgiven, hits, kept in (
        ([True, True, False], [True, False], [0.9, 0.7]),
        ([False, False, True], [True, False], [0.9, 0.5]),
        ([True, True, True], [True], [0.9]),
        ([False, False, False], [True, False, False], [0.9, 0.7, 0.5]),
    ):
        result = judge(truth, found, np.array([0.5, 0.9, 0.7]), 0.5, forgiven=np.array(forgiven))
        assert result.hits.tolist() == hits
        assert result.scores.tolist() == scores(*kept).tolist()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_detection_claims_the_box_that_it_overlaps_most(order: list[int]) -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 12]], np.float64)[order]
    found = np.array([[0, 0, 10, 9], [0, 0, 10, 21]], np.float64)  # the second fits only the second
    assert judge(truth, found, np.array([0.9, 0.8]), 0.5).hits.tolist() == [True, True]


def test_a_detection_claims_at_most_one_neutral_box() -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 12]], np.float64)
    result = judge(truth, truth, np.array([0.9, 0.8]), 0.5, np.array([True, True]))
    assert result.hits.tolist() == []


def test_a_real_box_is_claimed_before_a_neutral_one_that_fits_better() -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 12]], np.float64)
    result = judge(truth, truth[:1], np.array([0.9]), 0.5, np.array([True, False]))
    assert result.hits.tolist() == [True]
