from __future__ import annotations

import numpy as np
import pytest

from tools.annotations.ignored import IgnoredRegions, Rule

FIRST = np.zeros(1, np.int64)


def is_ignored(box: tuple[float, ...], *regions: tuple[float, ...]) -> bool:
    cover = IgnoredRegions(np.array(regions, np.float64).reshape(-1, 4)).cover(
        FIRST, np.array([box], np.float64)
    )
    return bool(cover[0])


def test_half_covered_box_is_ignored() -> None:
    assert is_ignored((0, 0, 10, 10), (0, 0, 5, 10))
    assert not is_ignored((0, 0, 10, 10), (0, 0, 4.99, 10))
    # These decimals are not exact in binary.
    assert is_ignored((13.2, 777.3, 52.4, 796.5), (13.2, 777.3, 32.8, 796.5))


def test_regions_count_together_but_overlaps_only_once() -> None:
    left, right = (-5.0, -5, 2.5, 20), (7.5, -5, 20, 20)
    assert is_ignored((0, 0, 10, 10), left, right)
    assert not is_ignored((0, 0, 10, 10), left, left)
    overlapping = ((0.0, 0, 4, 10), (2.0, 0, 4.9, 10))
    assert not is_ignored((0, 0, 10, 10), *overlapping)


def test_area_in_the_union_matches_a_pixel_count() -> None:
    """Uses boxes and regions with integer corners."""
    rng = np.random.default_rng(4)
    corners = rng.integers(0, 30, (40, 2))
    boxes = np.hstack((corners, corners + rng.integers(1, 20, (40, 2)))).astype(np.float64)
    regions, boxes = boxes[:8], boxes[8:]
    covered = np.zeros((60, 60), bool)
    for left, top, right, bottom in regions.astype(int):
        covered[top:bottom, left:right] = True
    shares = [
        covered[top:bottom, left:right].mean() for left, top, right, bottom in boxes.astype(int)
    ]
    cover = IgnoredRegions(regions).cover(np.zeros(32, np.int64), boxes)
    assert cover.tolist() == [share >= 0.5 for share in shares]
    assert 5 < cover.sum() < 27


def test_center_rule_of_uavdt_uses_the_box_center() -> None:
    regions = IgnoredRegions(np.array([[0.0, 0, 10, 10]]), np.array([3]), "center")
    boxes = np.array([[5.0, 5, 15, 15], [5.1, 5, 15.1, 15], [9, 9, 11, 11]])
    assert regions.cover(np.full(3, 3), boxes).tolist() == [True, False, True]
    assert regions.cover(np.array([2, 3, 4]), boxes[[0, 0, 0]]).tolist() == [False, True, False]


@pytest.mark.parametrize("rule", ["center", "half area"])
def test_regions_apply_to_their_frames_in_any_order(rule: Rule) -> None:
    rng = np.random.default_rng(2)
    corners = rng.integers(0, 60, (400, 2))
    boxes = np.hstack((corners, corners + rng.integers(5, 40, (400, 2)))).astype(np.float64)
    frames, region_frames = rng.integers(0, 9, 400), rng.integers(2, 12, 30)
    cover = IgnoredRegions(boxes[:30], region_frames, rule).cover(frames, boxes)
    for frame in range(12):
        alone = IgnoredRegions(boxes[:30][region_frames == frame], None, rule)
        rows = frames == frame
        assert cover[rows].tolist() == alone.cover(frames[rows], boxes[rows]).tolist()
    assert 40 < cover.sum() < 360


@pytest.mark.parametrize("frames", [None, np.empty(0, np.int64)])
def test_nothing_is_ignored_without_regions(frames: np.ndarray | None) -> None:
    regions = IgnoredRegions(np.empty((0, 4)), frames)
    assert regions.cover(FIRST, np.array([[0.0, 0, 1, 1]])).tolist() == [False]
    assert regions.cover(FIRST[:0], np.empty((0, 4))).tolist() == []


def test_box_without_area_is_not_ignored_by_its_area() -> None:
    assert not is_ignored((5, 5, 5, 9), (0, 0, 10, 10))
