"""SpotTrack under a moving camera: with given motion, and with motion voted by the boxes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trackers.conftest import BOX, crowd
from trackers import SpotTrack


@pytest.mark.parametrize("known", [True, False])
def test_ids_hold_when_the_camera_jumps(known: bool) -> None:
    """With the given motion, or with the boxes' own vote when none is given."""
    boxes = crowd()
    jump = np.array([45.0, -25.0])
    motion = np.column_stack((np.eye(2), jump)) if known else None
    tracker, without = SpotTrack(), SpotTrack(estimate_camera=False)
    for each in (tracker, without):
        for _ in range(3):
            ids = each.update(boxes, np.full(12, 0.9)).ids.tolist()
    scores = np.full(12, 0.9)
    assert tracker.update(boxes + np.tile(jump, 2), scores, motion=motion).ids.tolist() == ids
    assert without.update(boxes + np.tile(jump, 2), scores).ids.tolist() != ids


def test_boxes_scale_with_the_image() -> None:
    boxes = crowd()
    tracker = SpotTrack()
    for _ in range(3):
        ids = tracker.update(boxes, np.full(12, 0.9)).ids.tolist()
    zoom = np.column_stack((np.eye(2) * 2, [0.0, 0.0]))
    tracks = tracker.update(boxes * 2, np.full(12, 0.9), motion=zoom)
    assert tracks.ids.tolist() == ids
    np.testing.assert_allclose(tracks.boxes, boxes * 2, atol=0.1)


def test_uncertainties_scale_with_the_image() -> None:
    """After a zoom, a track equals one whose image was as large from the start."""
    zoomed, large = SpotTrack(), SpotTrack(estimate_camera=False)
    for step in range(3):
        grown = BOX + step * np.array([1, 1, 4, 3])
        zoomed.update(grown, [0.9])
        large.update(3 * grown, [0.9])
    zoom = np.column_stack((np.eye(2) * 3, [0.0, 0.0]))
    box = 3 * BOX + np.array([12, -6, 14, 0])
    for motion in (zoom, None, None):
        large.update(box, [0.9])
        zoomed.update(box, [0.9], motion=motion)
        np.testing.assert_allclose(zoomed._filter.moments, large._filter.moments)


def test_velocities_rotate_with_the_image() -> None:
    """After a quarter turn, a track equals one whose image was turned from the start."""
    turned, reference = SpotTrack(), SpotTrack(estimate_camera=False)
    turn = np.array([[0.0, -1.0, 500.0], [1.0, 0.0, 0.0]])
    for step in range(6):
        square = np.array([[100.0, 100, 140, 140]]) + 8 * step
        left, top, right, bottom = (square + np.array([0, 2, 0, 2]) * step)[0]
        turned_box = [[500 - bottom, left, 500 - top, right]]
        reference.update(turned_box, [0.9])
        if step < 4:
            turned.update([[left, top, right, bottom]], [0.9])
        else:
            turned.update(turned_box, [0.9], motion=turn if step == 4 else None)
    np.testing.assert_allclose(turned._filter.moments, reference._filter.moments, atol=1e-9)


@pytest.mark.parametrize(("missed", "holds"), [(2, True), (3, False)])
def test_a_track_missed_for_three_frames_has_no_vote(missed: int, *, holds: bool) -> None:
    boxes, tracker = crowd(), SpotTrack()
    for _ in range(3):
        ids = tracker.update(boxes, np.full(12, 0.9)).ids.tolist()
    for _ in range(missed):
        tracker.update([], [])
    jumped = tracker.update(boxes + np.tile((45.0, -25.0), 2), np.full(12, 0.9))
    assert (jumped.ids.tolist() == ids) == holds


def test_two_way_traffic_keeps_its_ids_under_a_fixed_camera() -> None:
    tracker, owners = SpotTrack(), {}
    lanes, speeds = np.arange(7), np.array([16.0, 15, 17, 16, -16, -17, -15])
    for frame in range(150):
        lefts = (lanes[:, None] * 37 + np.arange(9) * 230 + frame * speeds[:, None]) % 2070 - 400
        shown = np.flatnonzero((lefts > -30) & (lefts < 1250))
        tops = np.repeat(100 + 60 * lanes, 9)
        boxes = np.column_stack((lefts.ravel(), tops, lefts.ravel() + 60, tops + 35))[shown]
        tracks = tracker.update(boxes, np.full(len(boxes), 0.9), frame_size=(1280, 720))
        turn = (lanes[:, None] * 37 + np.arange(9) * 230 + frame * speeds[:, None]) // 2070
        for track, row in zip(tracks.ids.tolist(), tracks.detection_indices.tolist(), strict=True):
            vehicle = int(shown[row]), int(turn.ravel()[shown[row]])
            owners.setdefault(vehicle, set()).add(track)
    assert len(owners) > 60
    assert sum(len(ids) - 1 for ids in owners.values()) <= 2
