from __future__ import annotations

import numpy as np
import pytest

from trackers import default_settings
from trackers.settings import (
    MAX_SETTING,
    checked_count,
    checked_number,
    checked_score,
    checked_share,
    setting_text,
)


def test_range_bounds_are_accepted() -> None:
    assert [checked_count("age", value, minimum=3) for value in (3, MAX_SETTING)] == [
        3,
        MAX_SETTING,
    ]
    assert checked_share("iou", 1) == 1.0
    assert [checked_number("noise", value, minimum=0.0) for value in (0, MAX_SETTING)] == [0.0, 1e9]
    assert checked_number("margin", -MAX_SETTING) == -1e9


def test_a_threshold_that_every_score_reaches_is_shown_as_none() -> None:
    shown = [setting_text(value) for value in (default_settings("sort")["min_score"], 0.3, 30)]
    assert shown == ["none", "0.3", "30"]


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="age must be a whole number of at least 3, got 2"):
        checked_count("age", 2, minimum=3)
    with pytest.raises(ValueError, match="age must be at most 1000000000"):
        checked_count("age", MAX_SETTING + 1, minimum=3)
    with pytest.raises(ValueError, match="age must be at most 9"):
        checked_count("age", 10, minimum=3, maximum=9)
    for value in (0.0, 1.0001, True):
        with pytest.raises(ValueError, match=r"iou must lie in \(0, 1\]"):
            checked_share("iou", value)
    for number in (-1e-9, 1.1e9, 10**400, True, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"noise must be a number from 0 to 1e\+09, got"):
            checked_number("noise", number, minimum=0.0)


@pytest.mark.parametrize("score", [0.7, 0.6, 0.35])
def test_a_score_of_either_precision_reaches_the_threshold(score: float) -> None:
    threshold = checked_score("score", score)
    assert min(score, float(np.float32(score))) == threshold
