from fractions import Fraction

import cv2
import numpy as np
import pytest

from stages.decoder.camera_motion import CameraMotion
from stages.decoder.motion import STILL, composed
from stages.records import Frame, FrameHeader, PixelFormat
from stages.scene import Scene, SceneConfig


def frame_of(image, epoch=0, pixel_format=PixelFormat.BGR24):
    height, width = image.shape[:2]
    if pixel_format.is_yuv:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    header = FrameHeader("cam", epoch, 0, 0, 0, Fraction(1), 0, height, width, pixel_format)
    return Frame(header, image)


@pytest.fixture(scope="module")
def picture():
    return Scene(SceneConfig(3, frames=1)).render(0).image


def similarity(angle, scale, shift, size):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = np.array(size) / 2
    return np.column_stack((turn, center - turn @ center + shift))


def warped(image, motion):
    """Returns the image seen after ``motion``, whose origin is the first pixel's corner."""
    centers = motion.copy()  # OpenCV's origin is the first pixel's centre
    centers[:, 2] += motion[:, :2] @ (0.5, 0.5) - 0.5
    size = image.shape[1], image.shape[0]
    return cv2.warpAffine(image, centers, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)


@pytest.mark.parametrize("pixel_format", [PixelFormat.BGR24, PixelFormat.YUV420P])
@pytest.mark.parametrize(
    ("angle", "scale", "shift"),
    [(0.0, 1.0, (0, 0)), (0.0, 1.0, (23.4, -11.7)), (0.03, 1.0, (0, 0)), (-0.02, 1.03, (8, 5))],
)
def test_measures_translation_rotation_and_scale(picture, pixel_format, angle, scale, shift):
    size = picture.shape[1], picture.shape[0]
    true = similarity(angle, scale, shift, size)
    camera = CameraMotion()
    assert camera.estimate(frame_of(picture, pixel_format=pixel_format)) is None
    seen = camera.estimate(frame_of(warped(picture, true), pixel_format=pixel_format))
    assert seen.dtype == np.float32
    corners = np.array([(0, 0), (size[0], 0), (0, size[1]), size, (size[0] / 2, size[1] / 2)])
    errors = corners @ (seen - true)[:, :2].T + (seen - true)[:, 2]
    assert np.abs(errors).max() < 0.5


@pytest.mark.parametrize("seed", [9001, 9007])  # over a crossing, over dense traffic at dusk
def test_drone_motion_is_measured_on_the_ground_despite_moving_vehicles(seed):
    scene = Scene(SceneConfig(seed, frames=25, view="drone", light="random", varied=True))
    points = np.stack(np.meshgrid(range(80, 960, 80), range(80, 540, 80)), -1).reshape(-1, 2)

    def ground(index):
        return scene.camera(index).ground_homography()

    camera = CameraMotion()
    camera.estimate(frame_of(scene.render(0).image))
    errors, moves = [], []
    for index in range(4, 25, 4):
        seen = camera.estimate(frame_of(scene.render(index).image))
        true = ground(index) @ np.linalg.inv(ground(index - 4))
        there = np.column_stack((points, np.ones(len(points)))) @ true.T
        there = there[:, :2] / there[:, 2:]
        errors.append(np.abs(points @ seen[:, :2].T + seen[:, 2] - there).mean())
        moves.append(np.abs(there - points).mean())
    assert np.mean(errors) < 0.25 < 1.0 < np.mean(moves)


def test_gives_no_estimate_without_a_comparable_previous_frame(picture):
    camera = CameraMotion()
    flat = np.full_like(picture, 90)
    other = Scene(SceneConfig(12, frames=1)).render(0).image
    assert camera.estimate(frame_of(picture)) is None  # the first frame
    assert camera.estimate(frame_of(other)) is None  # a cut
    assert camera.estimate(frame_of(flat)) is None
    assert camera.estimate(frame_of(flat)) is None
    assert camera.estimate(frame_of(picture)) is None
    assert camera.estimate(frame_of(picture, epoch=1)) is None  # a new connection
    assert camera.estimate(frame_of(picture, epoch=1)) is not None


def test_estimates_from_a_frame_that_was_passed_over(picture):
    size = picture.shape[1], picture.shape[0]
    moved = frame_of(warped(picture, similarity(0.01, 1.0, (5, 3), size)))
    one, other = CameraMotion(), CameraMotion()
    one.estimate(frame_of(picture))
    other.pass_over(frame_of(np.zeros_like(picture)))
    other.pass_over(frame_of(picture))
    np.testing.assert_array_equal(one.estimate(moved), other.estimate(moved))


def test_motions_are_composed_in_order():
    first = similarity(0.1, 1.2, (3, 4), (10, 10)).astype(np.float32)
    second = similarity(-0.3, 0.9, (1, -2), (10, 10)).astype(np.float32)
    point = np.array([5.0, 7.0])
    there = first[:, :2] @ point + first[:, 2]
    both = composed(first, second)
    np.testing.assert_allclose(
        both[:, :2] @ point + both[:, 2], second[:, :2] @ there + second[:, 2], rtol=1e-5
    )
    np.testing.assert_array_equal(composed(STILL, second), second)
    assert composed(None, second) is None
    assert composed(first, None) is None
