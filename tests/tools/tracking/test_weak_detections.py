from __future__ import annotations

import numpy as np
import pytest

from tools.tracking.weak_detections import keeps_weak, warning_of_weak

MANY = [0.9] * 60 + [0.1] * 40


def test_many_weak_detections_give_a_warning() -> None:
    warning = warning_of_weak(np.float32(MANY), "--tracker uav")
    assert warning is not None
    assert warning.startswith("40% of the detections have scores below 0.2, and SORT tracks all")
    assert warning.endswith("; --tracker uav or --set min_score=0.3 leaves weak ones out")


@pytest.mark.parametrize(
    ("tracker", "settings", "keeps"),
    [
        ("sort", {"max_age": 3}, True),
        ("sort", {"min_score": 0}, True),
        ("sort", {"min_score": 0.3}, False),
        ("bytetrack", {}, False),
    ],
)
def test_sort_keeps_weak_detections_without_a_threshold(
    tracker: str, settings: dict[str, float], keeps: bool
) -> None:
    assert keeps_weak(tracker, settings) == keeps


@pytest.mark.parametrize(
    "scores",
    [
        [],
        [1.0] * 10,
        [-1.0] * 10,
        [0.0] * 10,
        [0.0, 1.0] * 10,
        [0.1] * 10,
        [0.9] * 70 + [0.1] * 30,
        [*MANY, -0.5],
        [*MANY, 35.0],
        np.linspace(0.3, 0.99, 50),
    ],
    ids=[
        "empty", "ones", "minus ones", "zeros", "flags", "one low value", "few", "signed",
        "beyond 1", "thresholded",
    ],
)  # fmt: skip
def test_flag_like_scores_or_few_weak_ones_give_no_warning(scores: list[float]) -> None:
    assert warning_of_weak(np.array(scores, np.float32), "--tracker uav") is None
