import cv2
import numpy as np
import pytest

from tests.tools.segmentation.drawn import draw, iou
from tools.bench.masks import farneback_flow
from tools.segmentation.camera import camera_moves
from tools.segmentation.flow import dis_flow, ground_relative, moving_foreground


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize(("flow", "minimum"), [(dis_flow, 0.55), (farneback_flow, 0.4)])
@pytest.mark.parametrize("with_boxes", [True, False])
def test_only_the_moving_square_is_found_under_a_panning_camera(flow, minimum, with_boxes):
    drawn = draw(5, pan=4.0, speed=1.0)
    beside = [gray(drawn.images[0]), gray(drawn.images[4])]
    boxes = drawn.boxes[2] if with_boxes else None
    found = moving_foreground(gray(drawn.images[2]), beside, boxes, flow())
    assert iou(found, drawn.masks[2]) > minimum
    outside = ~cv2.dilate(drawn.masks[2].astype(np.uint8), np.ones((31, 31))).astype(bool)
    assert (found[outside] > 0).mean() < 0.01


def test_object_moving_with_the_ground_is_not_foreground():
    drawn = draw(5, pan=4.0, speed=0.0)
    beside = [gray(drawn.images[0]), gray(drawn.images[4])]
    found = moving_foreground(gray(drawn.images[2]), beside, drawn.boxes[2], dis_flow())
    assert (found > 0)[drawn.masks[2]].mean() < 0.1


def test_nothing_is_foreground_if_no_ground_motion_is_found():
    flow = np.random.default_rng(1).normal(0, 20, (120, 160, 2)).astype(np.float32)
    assert ground_relative(flow, np.ones((120, 160), bool)) is None
    noise = np.random.default_rng(1).integers(0, 255, (2, 120, 160), np.uint8)
    assert not moving_foreground(noise[0], [noise[1]], None, dis_flow()).any()


def test_whole_frame_is_the_ground_if_boxes_leave_none():
    flow = np.full((120, 160, 2), (3, -1), np.float32)
    motion = ground_relative(flow, np.zeros((120, 160), bool))
    assert motion is not None
    assert motion.max() < 0.01


def test_wide_frames_are_processed_at_a_reduced_scale():
    drawn = draw(5, pan=4.0, speed=1.0)
    # Rotated by 180°, so that the square is far from the origin, where scale errors vanish.
    wide = [cv2.resize(gray(image)[::-1, ::-1], (1536, 1024)) for image in drawn.images]
    boxes = [1536, 1024] * 2 - drawn.boxes[2][:, [2, 3, 0, 1]] * 8
    found = moving_foreground(wide[2], [wide[0], wide[4]], boxes, dis_flow())
    truth = cv2.resize(drawn.masks[2][::-1, ::-1].astype(np.uint8), (1536, 1024)) > 0
    assert found.shape == (1024, 1536)
    assert iou(found, truth) > 0.55


def test_camera_motion_is_recognised():
    assert camera_moves(draw(10, pan=2.0).images)
    assert not camera_moves(draw(10).images)
    assert not camera_moves(draw(1).images)
    noise = np.random.default_rng(1).integers(0, 255, (6, 120, 160, 3), np.uint8)
    assert camera_moves(list(noise))  # with no measurable motion, it counts as moving


@pytest.mark.parametrize("shape", [(8, 100), (12, 600)])
def test_nothing_is_foreground_in_frames_too_small_for_flow(shape):
    frame = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    assert not moving_foreground(frame, [frame], None, dis_flow()).any()
