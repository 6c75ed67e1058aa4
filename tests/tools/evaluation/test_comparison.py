from __future__ import annotations

import numpy as np

from tests.tools.evaluation.conftest import compared


def test_tracks_are_numbered_from_zero_over_the_sequence() -> None:
    comparison = compared(({7: 0}, {}, {7: 0, 40: 50}), ({3: 0}, {9: 0}))
    assert [frame.truth.tolist() for frame in comparison.frames] == [[0], [], [0, 1]]
    assert [frame.result.tolist() for frame in comparison.frames] == [[0], [1], []]
    assert comparison.truth_lengths.tolist() == [2, 1]
    assert comparison.result_lengths.tolist() == [1, 1]
    assert [frame.iou.shape for frame in comparison.frames] == [(1, 1), (0, 1), (2, 0)]


def test_iou_has_ground_truth_in_rows() -> None:
    (frame,) = compared(({1: 0, 2: 100},), ({1: 5, 2: 200, 3: 100},)).frames
    np.testing.assert_allclose(frame.iou, [[1 / 3, 0, 0], [0, 0, 1]])


def test_frames_extend_to_the_last_box_of_either_side() -> None:
    longer, shorter = ({1: 0}, {1: 0}, {1: 0}), ({1: 0},)
    for truth, result in ((longer, shorter), (shorter, longer)):
        comparison = compared(truth, result)
        assert len(comparison.frames) == 3
        assert sum(len(frame.truth) for frame in comparison.frames) == len(truth)
        assert sum(len(frame.result) for frame in comparison.frames) == len(result)


def test_no_tracks_give_no_frames() -> None:
    comparison = compared((), ())
    assert comparison.frames == ()
    assert len(comparison.truth_lengths) == len(comparison.result_lengths) == 0
