from __future__ import annotations

import numpy as np
import pytest

from trackers.settings import MOST, checked_count, checked_number, checked_score, checked_share


def test_the_ends_of_the_ranges_lie_in_them() -> None:
    assert [checked_count("age", value, minimum=3) for value in (3, MOST)] == [3, MOST]
    assert checked_share("iou", 1) == 1.0
    assert checked_number("noise", 0, minimum=0.0) == 0.0


def test_what_lies_beyond_is_refused() -> None:
    with pytest.raises(ValueError, match="age must be a whole number of at least 3, got 2"):
        checked_count("age", 2, minimum=3)
    with pytest.raises(ValueError, match="age must be at most 1000000000"):
        checked_count("age", MOST + 1, minimum=3)
    for value in (0.0, 1.0001, True):
        with pytest.raises(ValueError, match=r"iou must lie in \(0, 1\]"):
            checked_share("iou", value)
    for number in (-1e-9, 10**400, True, float("inf")):
        with pytest.raises(ValueError, match="noise must be a finite number of at least 0"):
            checked_number("noise", number, minimum=0.0)


@pytest.mark.parametrize("score", [0.7, 0.6, 0.35])
def test_a_score_of_either_precision_reaches_the_threshold(score: float) -> None:
    threshold = checked_score("score", score)
    assert min(score, float(np.float32(score))) == threshold
