from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from tests.tools.evaluation.conftest import tracks
from tools.evaluation.benchmark import Entry, EntryScore
from tools.evaluation.clear import match_boxes
from tools.evaluation.comparison import compare
from tools.evaluation.moments import Moment, boxes_by_outcome, worst_moments
from tools.evaluation.sequence import SequenceScore


def test_worst_moments_are_sorted_by_errors_and_never_error_free() -> None:
    errors = np.zeros((60, 3), np.int64)  # false positives, false negatives, id switches
    errors[3] = 1, 1, 0
    errors[[26, 30, 49]] = (1, 0, 0), (0, 2, 1), (0, 0, 1)
    sequences = {"A": SequenceScore("A", errors=errors), "B": SequenceScore("B")}
    score = EntryScore(Entry("mine", Path()), sequences)
    expected = [Moment("mine", "A", 25, 49, 30, 1, 2, 2), Moment("mine", "A", 0, 24, 3, 1, 1, 0)]
    assert worst_moments(score, most=9) == expected
    assert worst_moments(score, most=1) == expected[:1]
    last = dataclasses.replace(expected[0], first=50, last=59, worst=58)
    errors[58] = 1, 2, 3
    assert worst_moments(score, most=9)[0] == dataclasses.replace(last, id_switches=3)


def test_boxes_by_outcome() -> None:
    truth = tracks({3: 1, 5: 102, 9: 203}, {3: 0, 5: 100, 9: 200})
    found = tracks({30: 0, 50: 101}, {30: 0, 90: 101, 7: 400})
    score = SequenceScore("A", tracks=found, matches=match_boxes(compare(truth, found), 0.5))
    outcomes = boxes_by_outcome(truth, score, 1)
    lefts = {outcome: boxes[:, 0].tolist() for outcome, boxes in outcomes.items()}
    assert lefts == {"matched": [0], "missed": [200], "false": [400], "switched": [100]}
