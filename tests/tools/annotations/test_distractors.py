from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.annotations.distractors import MotObjects
from tools.annotations.mot_file import read_mot_ground_truth
from tools.annotations.trajectories import Trajectories

PEDESTRIAN = (1, 1, 0, 0, 10, 10, 1, 1, 1)


def objects(*rows: tuple[float, ...], name: str = "MOT17-02") -> MotObjects | None:
    return MotObjects.of(np.array(rows, np.float64), name)


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ([PEDESTRIAN, (1, 2, 50, 0, 10, 10, 0, 8, 1)], True),
        ([PEDESTRIAN, (1, 2, 50, 0, 10, 10, 0, 13, 1)], True),  # a crowd, in MOT20
        ([PEDESTRIAN], False),
        ([(1, 1, 0, 0, 10, 10, 1, -1, -1, -1), (1, 2, 0, 0, 10, 10, 0, -1, -1, -1)], False),
        ([(1, 1, 0, 0, 10, 10, 1, -9.3, -10.8, 0)], False),  # MOT15 in three dimensions
        ([PEDESTRIAN, (1, 2, 50, 0, 10, 10, 1, 2, 1)], False),  # cars and vans, as in `synth`
        ([PEDESTRIAN, (1, 2, 50, 0, 10, 10, 1, 2, 1), (1, 3, 90, 0, 10, 10, 0, 8, 1)], False),
        ([PEDESTRIAN, (1, 2, 50, 0, 10, 10, 0, 14, 1)], False),
        ([(1, 1, 0, 0, 10, 10, 0)], False),
        ([(1, 1, 0, 0, 10, 10)], False),
    ],
)
def test_objects_are_known_only_if_other_classes_have_flag_zero(
    rows: list[tuple[float, ...]], known: bool
) -> None:
    assert (objects(*rows) is not None) == known


def test_only_the_result_on_a_distractor_is_left_out(tmp_path: Path) -> None:
    """In frame 2: on a distractor, a pedestrian or a car, near a distractor, on no object."""
    (tmp_path / "A.txt").write_text(
        "2,1,0,0,10,10,0,8,1\n2,2,50,0,10,10,1,1,1\n2,3,100,0,10,10,0,3,1\n"
        "1,4,150,0,10,10,0,7,1\n2,4,150,0,10,10,0,7,1\n"
    )
    truth = read_mot_ground_truth(tmp_path / "A.txt", "A")
    assert truth.tracks.ids.tolist() == [2]
    assert truth.mot_objects is not None
    lefts = np.array([0, 50, 100, 156, 200, 0])
    tracks = Trajectories.from_arrays(
        [1, 1, 1, 1, 1, 2],
        range(6),
        np.column_stack((lefts, 0 * lefts, lefts + 10, 0 * lefts + 10)),
    )
    assert truth.mot_objects.distracted(tracks).tolist() == [True, *[False] * 5]


@pytest.mark.parametrize(("stated", "known"), [("", True), ("classes=car,van\n", False)])
def test_classes_that_a_sequence_states_are_not_those_of_mot16(
    tmp_path: Path, stated: str, known: bool
) -> None:
    """In a scene of `synth`, all vans may be too small or too hidden to be scored."""
    (tmp_path / "gt").mkdir()
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\nseqLength=1\n{stated}")
    (tmp_path / "gt" / "gt.txt").write_text("1,1,0,0,10,10,1,1,1\n1,2,50,0,10,10,0,2,1\n")
    truth = read_mot_ground_truth(tmp_path / "gt" / "gt.txt", "A")
    assert (truth.mot_objects is not None) == known
    assert truth.tracks.ids.tolist() == [1]


def test_result_is_matched_with_the_best_fitting_object() -> None:
    """A single result is matched with the pedestrian in front of a distractor."""
    both = objects(PEDESTRIAN, (1, 2, 1, 0, 10, 10, 0, 8, 1))
    assert both is not None
    one = Trajectories.from_arrays([0], [1], [[0, 0, 10, 10]])
    assert not both.distracted(one).any()
    two = Trajectories.from_arrays([0, 0], [1, 2], [[0, 0, 10, 10], [2, 0, 12, 10]])
    assert both.distracted(two).tolist() == [False, True]


@pytest.mark.parametrize(("name", "left_out"), [("MOT17-02", False), ("MOT20-01", True)])
def test_other_vehicles_are_distractors_from_mot20_on(name: str, left_out: bool) -> None:
    found = objects((1, 1, 0, 0, 10, 10, 0, 6, 1), name=name)
    assert found is not None
    assert found.distracted(Trajectories.from_arrays([0], [1], [[0, 0, 10, 10]])) == [left_out]


def test_objects_may_be_ordered_by_id() -> None:
    rows = [
        (frame, identity, 100 * identity, 0, 10, 10, flag, object_class, 1)
        for identity, flag, object_class in ((1, 0, 8), (2, 1, 1))
        for frame in (1, 2, 3)
    ]
    found = objects(*rows)
    assert found is not None
    tracks = Trajectories.from_frames([[(100, 0, 110, 10), (200, 0, 210, 10)]] * 3, [[1, 2]] * 3)
    assert found.distracted(tracks).tolist() == [True, False] * 3


@pytest.mark.parametrize("object_class", [2, 7, 8, 12])
@pytest.mark.parametrize(("height", "left_out"), [(5, True), (4.99, False)])
def test_an_iou_of_one_half_with_a_distractor_is_enough(
    object_class: int, height: float, left_out: bool
) -> None:
    found = objects((1, 1, 0, 0, 10, 10, 0, object_class, 1))
    assert found is not None
    assert found.distracted(Trajectories.from_arrays([0], [1], [[0, 0, 10, height]])) == [left_out]
