from __future__ import annotations

import numpy as np
import pytest

from tools.annotations.trajectories import Trajectories, rows_by_frame, rows_of

BOX = (0.0, 0.0, 10.0, 10.0)


def test_rows_are_sorted_by_frame_then_id() -> None:
    trajectories = Trajectories.from_arrays([2, 0, 2], [4, 9, 1], [BOX, (1, 1, 2, 2), (3, 3, 4, 4)])
    assert trajectories.frames.tolist() == [0, 2, 2]
    assert trajectories.ids.tolist() == [9, 1, 4]
    assert trajectories.boxes[:, 0].tolist() == [1, 3, 0]
    assert (trajectories.frame_count, len(trajectories)) == (3, 3)


def test_frames_that_do_not_ascend_are_refused() -> None:
    ids, boxes = np.array([1, 1]), np.array([BOX, BOX])
    assert len(Trajectories(np.array([0, 1]), ids, boxes)) == 2
    with pytest.raises(ValueError, match=r"must ascend; Trajectories\.from_arrays sorts them"):
        Trajectories(np.array([1, 0]), ids, boxes)


def test_from_frames_equals_from_arrays() -> None:
    by_frame = Trajectories.from_frames([[BOX], [], [BOX, (5, 5, 6, 6)]], [[1], [], [1, 2]])
    assert by_frame.frames.tolist() == [0, 2, 2]
    assert by_frame.ids.tolist() == [1, 1, 2]
    np.testing.assert_array_equal(by_frame.boxes, [BOX, BOX, (5, 5, 6, 6)])


def test_empty_trajectories() -> None:
    for nothing in (Trajectories.from_frames([], []), Trajectories.from_arrays([], [], [])):
        assert (len(nothing), nothing.frame_count) == (0, 0)
        assert nothing.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("frames", "ids", "boxes", "message"),
    [
        ([1, 1, 1], [4, 5, 5], [BOX] * 3, "id 5 occurs twice in frame 2"),
        ([1], [5, 6], [BOX, BOX], "one entry for each of 2 boxes"),
        ([-1], [5], [BOX], "frames must not be negative, got -1"),
        ([1], [5], [(0, 0, np.nan, 1)], "boxes must be finite"),
        ([1, np.nan], [5, 6], [BOX, BOX], "frames must be whole numbers, got nan"),
        ([0, 1], [5, -np.inf], [BOX, BOX], "ids must be whole numbers, got -inf"),
        ([0, 1], [1.9, 1], [BOX, BOX], r"ids must be whole numbers, got 1\.9"),
        ([0], [10**30], [BOX], "ids must be whole numbers: "),
        ([0], [np.uint64(2**63)], [BOX], "ids must be whole numbers, got 9223372036854775808"),
        ([0, 0, 0], [1, 2, 3], np.zeros((4, 3)), r"boxes must have shape \(N, 4\), got \(4, 3\)"),
        ([0], [1], BOX, r"boxes must have shape \(N, 4\), got \(4,\)"),
    ],
)
def test_malformed_rows_are_refused(frames: list, ids: list, boxes: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trajectories.from_arrays(frames, ids, boxes)


def test_large_ids_are_kept_exactly() -> None:
    for large in (2**63 - 1, 2**53 + 1, -(2**63)):
        assert Trajectories.from_arrays([0], [large], [BOX]).ids.tolist() == [large]
        assert Trajectories.from_frames([[], [BOX]], [[], [large]]).ids.tolist() == [large]
    assert Trajectories.from_arrays([0.0], [7.0], [BOX]).ids.tolist() == [7]


@pytest.mark.parametrize("ids", [[[1], [2, 3]], [[1, 2, 3]]])
def test_frame_without_one_id_per_box_is_rejected(ids: list) -> None:
    with pytest.raises(ValueError, match="each frame must have one id for each of its boxes"):
        Trajectories.from_frames([[BOX, BOX], [BOX]], ids)


def test_selected_rows_and_rows_by_frame() -> None:
    whole = Trajectories.from_arrays([0, 2, 2], [1, 1, 2], [BOX, (1, 1, 2, 2), (3, 3, 4, 4)])
    part = whole.where(np.array([True, False, True]))
    assert part.frames.tolist() == [0, 2]
    assert part.ids.tolist() == [1, 2]
    assert part.boxes[:, 0].tolist() == [0, 3]
    assert rows_by_frame(whole.frames, 4) == [slice(0, 1), slice(1, 1), slice(1, 3), slice(3, 3)]


def test_rows_of_unsorted_frames() -> None:
    found = rows_of(np.array([7, 2, 7, 0]))
    assert {frame: rows.tolist() for frame, rows in found.items()} == {0: [3], 2: [1], 7: [0, 2]}
    assert rows_of(np.arange(40) % 2)[1].tolist() == list(range(1, 40, 2))  # in ascending order
    assert rows_of(np.empty(0, np.int64)) == {}
