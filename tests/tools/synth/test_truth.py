from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.scene import SceneDetails, SceneFrame
from tools.synth.detrac import detrac_xml, hidden_region
from tools.synth.mot import ground_truth_rows
from tools.synth.truth import FrameTruth, SceneTruth, make_truth


def truth_of(*boxes: tuple[float, ...], small: tuple[bool, ...], visible: float = 1) -> FrameTruth:
    count = len(boxes)
    frame = SceneFrame(
        np.zeros((100, 200, 3), np.uint8),
        np.array(boxes, np.float32),
        np.arange(count, 0, -1),
        np.zeros(count, np.int16),
        np.full(count, visible, np.float32),
    )
    return FrameTruth.from_details(
        SceneDetails(
            frame,
            ~np.array(small),
            np.zeros(count, np.float32),
            np.array(small),
            np.zeros(count, np.int64),
            np.zeros((count, 4), np.float32),
            np.zeros((100, 200), np.uint8),
        )
    )


def make(*frames: FrameTruth, stable: bool) -> SceneTruth:
    return make_truth("MVI_900000", frames, (200, 100), stable=stable, weather="sunny")


def test_far_vehicles_of_a_fixed_camera_become_ignored_regions() -> None:
    first = truth_of((10, 10, 18, 16), (50, 40, 90, 80), small=(True, False))
    second = truth_of((14, 11, 22, 17), (120, 10, 127, 15), small=(True, True))
    truth = make(first, second, stable=True)
    np.testing.assert_array_equal(
        sorted(truth.regions.tolist()), [[7, 7, 25, 20], [117, 7, 130, 18]]
    )
    assert [frame.ids.tolist() for frame in truth.frames] == [[1], []]
    assert truth.boxes == 1


def test_a_vehicle_half_inside_an_ignored_region_is_not_listed() -> None:
    far = truth_of((10, 10, 30, 16), small=(True,))
    near = truth_of((7, 9, 33, 25), (7, 9, 33, 31), small=(False, False))
    truth = make(far, near, stable=True)
    assert truth.frames[1].ids.tolist() == [1]


def test_far_vehicles_of_a_moving_camera_are_listed() -> None:
    frame = truth_of((10, 10, 18, 16), (50, 40, 90, 80), small=(True, False))
    truth = make(frame, stable=False)
    assert truth.frames[0].ids.tolist() == [1, 2]
    assert len(truth.regions) == 0


def test_barely_visible_vehicle_is_not_listed() -> None:
    thin = truth_of((10, 10, 12, 16), (50, 40, 90, 80), small=(True, False))
    assert thin.ids.tolist() == [1]
    assert len(truth_of((50, 40, 90, 80), small=(False,), visible=0.001).ids) == 0


def test_the_hidden_region_has_the_hidden_share_of_the_box() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        first = rng.uniform(0, 300, 2)
        box = np.concatenate([first, first + rng.uniform(4, 200, 2)])
        corners = np.sort(rng.uniform(box[:2] - 5, box[2:] + 5, (2, 2)), axis=0)
        hidden = float(rng.uniform(0.01, 1))
        region = hidden_region(box, corners.ravel(), hidden)
        assert (region[:2] >= box[:2] - 1e-9).all()
        assert (region[2:] <= box[2:] + 1e-9).all()
        share = (region[2:] - region[:2]).prod() / (box[2:] - box[:2]).prod()
        assert share == pytest.approx(hidden)


def test_hidden_region_is_at_the_occluder() -> None:
    region = hidden_region(np.array([0, 0, 100, 50.0]), np.array([80, 0, 100, 50.0]), 0.1)
    assert region[0] > 75


def test_frame_without_vehicles_is_annotated_as_empty() -> None:
    none = truth_of((50, 40, 90, 80), small=(False,), visible=0.0)
    some = truth_of((50, 40, 90, 80), small=(False,))
    truth = make(none, some, stable=False)
    assert '<frame density="0" num="1">' in detrac_xml(truth)
    assert ground_truth_rows(truth) == "2,1,50.00,40.00,40.00,40.00,1,1,1.000\n"


def test_regions_that_overlap_after_joining_are_joined_again() -> None:
    far = truth_of((10, 10, 30, 14), (31, 14, 35, 40), (12, 30, 20, 36), small=(True,) * 3)
    assert make(far, stable=True).regions.tolist() == [[7, 7, 38, 43]]


def test_mot_row_of_a_vehicle() -> None:
    frame = truth_of((50, 40, 90, 80), small=(True,), visible=0.5)
    bus = replace(frame, classes=frame.classes + 3, truncation=frame.truncation + 0.5)
    assert ground_truth_rows(make(bus, stable=False)) == "1,1,50.00,40.00,40.00,40.00,0,4,0.250\n"


def test_detrac_states_trajectory_length_and_camera_state() -> None:
    frame = truth_of((50, 40, 90, 80), small=(False,))
    text = detrac_xml(make(frame, frame, frame, stable=False))
    assert text.count('trajectory_length="3"') == 3
    assert 'camera_state="unstable"' in text
