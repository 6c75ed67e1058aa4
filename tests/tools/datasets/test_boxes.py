from __future__ import annotations

import numpy as np
import pytest

from tools.datasets.boxes import cut_boxes, cut_regions
from tools.datasets.sample import ProblemKind


def test_boxes_are_cut_and_their_faults_classified() -> None:
    boxes = np.array(
        [
            (10, 10, 11, 20),
            (-5, 10, 1, 20),
            (-1, 10, 5, 20),
            (120, 10, 130, 20),
            (10, 10, 10.99, 20),
            (20, 10, 10, 20),
            (np.nan, 10, 20, 20),
            (99.5, 10, 130, 20),
        ]
    )
    hidden = np.array([0.25, 0.9, 0, 0, 0, 0, 0, 0])
    cut = cut_boxes(boxes, hidden, 100, 50)
    assert cut.usable.tolist() == [True, True, True] + [False] * 5
    assert cut.boxes[:3].tolist() == [[10, 10, 11, 20], [0, 10, 1, 20], [0, 10, 5, 20]]
    assert cut.hidden[:3].tolist() == pytest.approx([0.25, 0.9, 0])
    assert cut.faults == [
        (ProblemKind.FLAT_BOX, 4),
        (ProblemKind.FLAT_BOX, 5),
        (ProblemKind.FLAT_BOX, 6),
        (ProblemKind.BOX_OUTSIDE, 3),
        (ProblemKind.BOX_OUTSIDE, 7),
        (ProblemKind.BOX_CUT, 1),
    ]


def test_cut_off_share_counts_as_hidden() -> None:
    cut = cut_boxes(np.array([(-30.0, -10, 10, 10)]), np.zeros(1), 100, 50)
    assert cut.hidden.tolist() == pytest.approx([1 - 100 / 800])


def test_no_boxes() -> None:
    cut = cut_boxes(np.empty((0, 4)), np.empty(0), 100, 50)
    assert cut.boxes.shape == (0, 4)
    assert cut.faults == []
    assert cut_regions(np.empty((0, 4)), 100, 50).dtype == np.float32
