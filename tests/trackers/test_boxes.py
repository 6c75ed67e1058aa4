from __future__ import annotations

import numpy as np
import pytest

from trackers.boxes import (
    areas,
    centers_inside,
    from_center_area_aspect,
    from_center_size,
    intersection_areas,
    iou_matrix,
    overlaps_of_smaller,
    shorter_sides,
    to_center_area_aspect,
    to_center_size,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_areas_and_intersection_areas(dtype: type) -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 40]], dtype)
    others = np.array([[5, 0, 15, 10], [10, 0, 20, 10], [22, 25, 28, 35]], dtype)
    assert areas(boxes).tolist() == [100, 200]
    shared = intersection_areas(boxes[:, None], others[None])
    assert shared.tolist() == [[50, 0, 0], [0, 0, 60]]
    assert shared.dtype == dtype


def test_overlap_is_a_share_of_the_smaller_box() -> None:
    inside_beside_half = np.array([[2.0, 2, 4, 4], [20, 0, 30, 10], [5, 0, 15, 10]])
    box = np.array([[0.0, 0, 10, 10]])
    assert overlaps_of_smaller(inside_beside_half, box).ravel() == pytest.approx([1, 0, 0.5])
    assert overlaps_of_smaller(box, box[:0]).shape == (1, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_shorter_side_is_negative_when_edges_are_swapped(
    dtype: type,
) -> None:
    boxes = np.array([[0, 0, 10, 20], [20, 20, 40, 25], [9, 0, 5, 20]], dtype)
    assert shorter_sides(boxes).tolist() == [10, 5, -4]
    assert shorter_sides(boxes).dtype == dtype
    assert shorter_sides(boxes[:0]).shape == (0,)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-7), (np.float64, 1e-12)])
def test_iou_of_known_boxes(dtype: type, error: float) -> None:
    a = np.array([[0, 0, 10, 10], [20, 20, 30, 40]], dtype)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [22, 25, 28, 35]], dtype)
    expected = [[1, 50 / 150, 0, 0], [0, 0, 0, 60 / 200]]
    np.testing.assert_allclose(iou_matrix(a, b), expected, atol=error)
    np.testing.assert_allclose(iou_matrix(a / 100, b / 100), expected, atol=10 * error)
    assert iou_matrix(a, b).dtype == dtype


def test_iou_equals_the_definition_pair_by_pair() -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 50, (17, 2))
    a = np.hstack((corners, corners + rng.uniform(1, 40, (17, 2))))
    b = a[rng.permutation(17)[:11]] + rng.normal(0, 5, (11, 4))
    actual = iou_matrix(a, b)
    for i, (left, top, right, bottom) in enumerate(a):
        for j, (left_b, top_b, right_b, bottom_b) in enumerate(b):
            width = max(0.0, min(right, right_b) - max(left, left_b))
            height = max(0.0, min(bottom, bottom_b) - max(top, top_b))
            shared = width * height
            union = (right - left) * (bottom - top) + (right_b - left_b) * (bottom_b - top_b)
            assert actual[i, j] == pytest.approx(shared / (union - shared))


@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (3, 0), (0, 0)])
def test_iou_of_no_boxes_has_the_right_shape(rows: int, columns: int) -> None:
    assert iou_matrix(np.zeros((rows, 4)), np.zeros((columns, 4))).shape == (rows, columns)


@pytest.mark.filterwarnings("error")
def test_iou_of_boxes_without_area_is_zero() -> None:
    point = np.array([[5.0, 5, 5, 5]])
    assert iou_matrix(point, point) == 0


def test_iou_does_not_modify_its_arguments() -> None:
    a, b = np.array([[0.0, 0, 4, 4]]), np.array([[2.0, 2, 6, 6]])
    iou_matrix(a, b)
    assert a.tolist() == [[0, 0, 4, 4]]
    assert b.tolist() == [[2, 2, 6, 6]]


def test_center_area_aspect_round_trips() -> None:
    boxes = np.array([[10.0, 20, 50, 40], [1, 2, 6, 4.5]])
    states = to_center_area_aspect(boxes)
    assert states.tolist() == [[30, 30, 800, 2], [3.5, 3.25, 12.5, 2]]
    np.testing.assert_allclose(from_center_area_aspect(states), boxes)


def test_center_size_round_trips() -> None:
    boxes = np.array([[10.0, 20, 50, 40], [1, 2, 6, 4.5]])
    states = to_center_size(boxes)
    assert states.tolist() == [[30, 30, 40, 20], [3.5, 3.25, 5, 2.5]]
    assert from_center_size(states).tolist() == boxes.tolist()


def test_a_region_includes_centers_on_its_edges() -> None:
    regions = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    centers = np.array([[0.0, 0], [10, 10], [10.1, 5], [5, -0.1], [25, 5], [15, 5]])
    boxes = np.hstack((centers - 4, centers + 4))
    expected = [True, True, False, False, True, False]
    assert centers_inside(boxes, regions).tolist() == expected
    assert not centers_inside(boxes, regions[:0]).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("area", "aspect"), [(-5.0, 1.0), (5.0, -1.0), (0.0, 1.0)])
def test_an_invalid_state_gives_a_non_finite_box(area: float, aspect: float) -> None:
    boxes = from_center_area_aspect(np.array([[1.0, 1, area, aspect], [30, 30, 800, 2]]))
    assert not np.isfinite(boxes[0]).all()
    assert boxes[1].tolist() == [10, 20, 50, 40]  # the other box is unaffected
