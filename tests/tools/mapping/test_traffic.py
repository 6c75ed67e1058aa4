"""Where vehicles were and in which direction they drove."""

from itertools import product

import numpy as np
import pytest

import tools.mapping.traffic
from tools.mapping.traffic import Traffic

SIDE = 8  # of a vehicle


def box(identity: int, x: float, y: float) -> tuple[int, float, float, float, float]:
    """The box of a vehicle whose bottom centre is at x, y."""
    return identity, x - SIDE / 2, y - SIDE, SIDE, SIDE


def driven(traffic: Traffic) -> dict[tuple[int, int], tuple[float, float]]:
    return {(x, y): tuple(traffic.drive[y, x]) for y, x in np.argwhere(traffic.drive.any(axis=2))}


def test_a_vehicles_position_is_its_bottom_centre() -> None:
    traffic = Traffic(100, 50)
    traffic.add([box(1, 40, 30), box(1, 40.9, 30.9), box(2, 70, 20)])
    assert traffic.boxes == 3
    assert {(x, y): traffic.stay[y, x] for y, x in np.argwhere(traffic.stay)} == {
        (40, 30): 2,
        (70, 20): 1,
    }


def test_directions_are_summed_along_the_paths() -> None:
    traffic = Traffic(100, 50)
    traffic.add([box(1, 20, 30), box(2, 60, 40), box(1, 28, 30), box(2, 60, 36)])
    traffic.add([box(1, 28, 30), box(1, 24, 30)])  # of another run, in the opposite direction
    there = {(x, 30): (1, 0) for x in range(20, 25)}  # where both drove, the sum is 0
    assert driven(traffic) == {**there, (28, 30): (-1, 0)} | {
        (60, y): (0, -1) for y in range(37, 41)
    }


def test_diagonal_paths_count_by_their_length() -> None:
    for end in ((30, 10), (37, 31), (10, 40)):
        traffic = Traffic(100, 50)
        traffic.add([box(1, 20, 20), box(1, *end)])
        np.testing.assert_allclose(traffic.drive.sum(axis=(0, 1)), np.subtract(end, 20))


def test_jitter_does_not_count_as_driving() -> None:
    traffic = Traffic(100, 50)
    traffic.add([box(1, 40 + index % 2 * 3.9, 30) for index in range(20)])
    assert not traffic.drive.any()
    assert traffic.stay.sum() == 20
    large = Traffic(100, 100)
    large.add([(1, 20 + index % 2 * 9, 20, 40, 40) for index in range(20)])
    assert not large.drive.any()


@pytest.mark.parametrize("cut", [(3.5, 20), (96.5, 20), (50, 49.5)])
def test_boxes_cut_by_the_frame_edge_have_no_position(cut: tuple[float, float]) -> None:
    traffic = Traffic(100, 50)
    traffic.add([box(1, 40, 20), box(1, *cut), box(1, 60, 20)])
    assert traffic.boxes == 3
    assert traffic.stay.sum() == 2
    assert not traffic.drive.any()  # and the path does not continue after it


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e9, 1e9])
def test_boxes_with_absurd_values_have_no_position(number: float) -> None:
    traffic = Traffic(100, 50)
    for column, _ in product(range(1, 5), range(2)):
        row = [1.0, 40, 20, SIDE, SIDE]
        row[column] = number
        traffic.add([(1, *row[1:])])  # type: ignore[arg-type]
    assert traffic.boxes == 8
    assert not traffic.stay.any()


def test_batching_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = [
        box(identity, 20 + 3 * index + rng.uniform(), 10 * identity + 10)
        for index, identity in product(range(20), range(1, 4))
    ]
    whole, parts = Traffic(100, 50), Traffic(100, 50)
    whole.add(rows)
    monkeypatch.setattr(tools.mapping.traffic, "_BATCH", 7)
    parts.add(rows)
    np.testing.assert_array_equal(whole.stay, parts.stay)
    np.testing.assert_allclose(whole.drive, parts.drive)
    assert whole.drive.any()


def test_only_the_latest_vehicles_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.mapping.traffic, "_BATCH", 1)
    monkeypatch.setattr(tools.mapping.traffic, "_REMEMBERED", 2)
    traffic = Traffic(100, 50)
    traffic.add(box(identity, 30, 10 * identity + 10) for identity in (1, 2, 1, 3))
    traffic.add([])
    assert not traffic.drive.any()
    traffic = Traffic(100, 50)
    traffic.add([box(1, 20, 20), box(2, 20, 30), box(1, 30, 20), box(3, 20, 40), box(1, 40, 20)])
    assert {y for _, y in driven(traffic)} == {20}
    assert {x for x, _ in driven(traffic)} == set(range(20, 40))  # 2 was forgotten, not 1
    traffic = Traffic(100, 50)
    traffic.add([box(2, 20, 30), box(1, 20, 20), box(3, 20, 40), box(2, 30, 30)])
    assert not traffic.drive.any()
