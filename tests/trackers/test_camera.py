from __future__ import annotations

import numpy as np
import pytest

from trackers.camera import motion_from_boxes, moved_points, scale_of


def objects(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.hstack((rng.uniform(0, 1000, (count, 2)), rng.uniform(15, 60, (count, 2))))


def similarity(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def moved(states: np.ndarray, motion: np.ndarray) -> np.ndarray:
    return np.hstack((moved_points(states[:, :2], motion), states[:, 2:] * scale_of(motion)))


@pytest.mark.parametrize(
    "motion",
    [
        similarity(0, 1, (0, 0)),
        similarity(0, 1, (43, -31)),
        similarity(1, 1, (5, 20)),
        similarity(-1, 1.02, (-10, 12)),
    ],
)
def test_a_jump_is_found_despite_clutter(motion: np.ndarray) -> None:
    states = objects(40)
    rng = np.random.default_rng(1)
    detected = moved(states, motion)[rng.permutation(40)[:30]]  # a quarter is not detected,
    detected[:, :2] += rng.normal(0, 0.5, (30, 2))
    detected = np.vstack((detected, objects(20, seed=9)))  # and 20 detections are new
    found = motion_from_boxes(states, detected)
    assert found is not None
    errors = moved_points(states[:, :2], found) - moved_points(states[:, :2], motion)
    assert np.abs(errors).max() < 1.5


def test_moving_vehicles_are_outvoted() -> None:
    states = objects(30)
    detected = states.copy()
    detected[:, :2] += [20, 10]
    detected[:10, :2] += [15, 0]  # one third moves 15 pixels further
    found = motion_from_boxes(states, detected)
    assert found is not None
    np.testing.assert_allclose(found, similarity(0, 1, (20, 10)), atol=0.3)


def test_the_votes_needed_are_a_share_of_the_detected_objects() -> None:
    states = objects(40)
    found = motion_from_boxes(states, moved(states[:12], similarity(0, 1, (20, 10))))
    assert found is not None
    np.testing.assert_allclose(found, similarity(0, 1, (20, 10)), atol=0.3)


def test_four_objects_are_enough() -> None:
    states = objects(4)
    found = motion_from_boxes(states, moved(states, similarity(0, 1, (20, 10))))
    assert found is not None
    np.testing.assert_allclose(found, similarity(0, 1, (20, 10)), atol=0.3)


def test_a_queue_that_one_leaves_and_one_joins_gives_no_motion() -> None:
    """All vehicles would fit a move by one position; all but one fit standing still."""
    states = np.column_stack((100.0 + 30 * np.arange(20), np.full((20, 3), (100, 25, 15))))
    detected = states + np.array([30, 0, 0, 0])
    found = motion_from_boxes(states, detected)
    assert found is not None
    np.testing.assert_allclose(found, np.eye(2, 3), atol=0.3)


def test_no_motion_is_guessed_without_agreement() -> None:
    states = objects(12)
    assert motion_from_boxes(states[:3], states[:3]) is None  # too few
    assert motion_from_boxes(states, states[:0]) is None
    assert motion_from_boxes(states, objects(12, seed=4)) is None  # nothing in common
    for sizes in ((3, 3), (3, 1), (1, 3)):
        assert motion_from_boxes(states, states * np.array([1, 1, *sizes])) is None


def test_a_dense_cluster_of_objects_gives_no_rotation() -> None:
    """A pixel's error on neighbours must not rotate the far end of the frame."""
    states = objects(8)
    states[:, :2] = 100 + np.arange(16).reshape(8, 2) * 2.0
    detected = states.copy()
    detected[:, :2] += np.random.default_rng(2).normal(0, 1.0, (8, 2))
    found = motion_from_boxes(states, detected)
    assert found is not None
    assert np.abs(moved_points(np.array([[1000.0, 500]]), found) - [1000, 500]).max() < 5


def test_a_completely_replaced_crowd_gives_no_motion() -> None:
    """Each of a thousand objects has neighbours by chance; they do not count as agreement."""
    assert motion_from_boxes(objects(1000), objects(1000, seed=4)) is None


def test_an_object_with_many_partners_has_one_vote() -> None:
    states = objects(10)
    partners = np.tile(states[:3], (3, 1))
    partners[:, :2] += np.repeat([[38, 20], [40, 21], [42, 20]], 3, axis=0)
    strangers = objects(10, seed=4)
    strangers[:, 0] += 5000
    detected = np.vstack((partners, strangers))
    assert motion_from_boxes(states, detected) is None
    assert motion_from_boxes(detected, states) is None


def test_one_direction_of_traffic_is_not_camera_motion() -> None:
    states = objects(20)
    states[:, 2:] = 60, 35
    detected = states.copy()
    detected[:11, 0] += 18  # a little more than half move in one direction,
    detected[11:, 0] -= 18  # the others in the opposite one
    found = motion_from_boxes(states, detected)
    assert found is None or np.abs(moved_points(states[:, :2], found) - states[:, :2]).max() < 3
