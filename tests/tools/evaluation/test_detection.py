import math

import numpy as np
import pytest

from tools.evaluation.detection import average_precision

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
        (boxes(A, A, B), scores(0.9, 0.8, 0.7), 0.5 + 0.5 * 2 / 3),  # the second A is false
        (boxes(), scores(), 0.0),
    ],
)
def test_worked_cases(found, confidence, expected):
    assert average_precision([boxes(A, B)], [found], [confidence]) == pytest.approx(expected)


def test_overlap_decides():
    found = boxes([0, 0, 10, 6])
    assert average_precision([boxes(A)], [found], [scores(1)], 0.5) == 1
    assert average_precision([boxes(A)], [found], [scores(1)], 0.7) == 0


def test_no_truth_is_not_a_number():
    assert math.isnan(average_precision([boxes()], [boxes(A)], [scores(1)]))
