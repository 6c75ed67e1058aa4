import cv2
import numpy as np
import pytest

from stages.detector.preprocessing import Normalisation, input_geometry, network_input, place
from stages.detector.spotnet.config import preset_config, published_config


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(540, 960, (640, 1024, 50, 32)), (512, 1024, (640, 1152, 64, 64)), (5, 7, (128, 128, 62, 61))],
)
def test_published_padding_is_size_or_127_plus_1_and_centred(height, width, expected):
    geometry = input_geometry(height, width, published_config(), 1.0)
    found = (geometry.height, geometry.width, *geometry.offset)
    assert found == expected


def test_pixels_are_normalised_in_bgr_and_padded_with_black():
    image = np.full((32, 40, 3), (255, 0, 51), np.uint8)
    tensor = Normalisation()(
        network_input([image], input_geometry(32, 40, preset_config("compact"), 1.0))
    )
    assert tensor.shape == (1, 3, 64, 64)
    inside = [(1 - 0.408) / 0.289, (0 - 0.447) / 0.274, (0.2 - 0.470) / 0.278]
    outside = [-0.408 / 0.289, -0.447 / 0.274, -0.470 / 0.278]
    np.testing.assert_allclose(tensor[0, :, 5, 5], inside, atol=1e-5)
    np.testing.assert_allclose(tensor[0, :, 40, 60], outside, atol=1e-5)


@pytest.mark.parametrize("config", [preset_config("compact"), published_config()])
def test_boxes_in_the_input_map_back_to_the_frame(config):
    geometry = input_geometry(90, 160, config, 0.75)
    assert geometry.resized == (68, 120)
    canvas = np.zeros((geometry.height, geometry.width, 3), np.uint8)
    image = np.zeros((90, 160, 3), np.uint8)
    image[20:40, 40:80] = 255
    place(image, geometry, canvas)
    rows, columns = (np.flatnonzero((canvas[..., 0] > 127).any(axis)) for axis in (1, 0))
    found = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
    np.testing.assert_allclose(geometry.to_frame(found), [[40, 20, 80, 40]], atol=1)
    np.testing.assert_array_equal(
        geometry.to_frame(np.array([[-9, -9, 9999, 9999]], np.float32)), [[0, 0, 160, 90]]
    )


def test_each_axis_has_its_own_scale():
    """Rounding changes the height of a very flat frame considerably."""
    geometry = input_geometry(10, 1000, preset_config("compact"), 0.25)
    assert geometry.resized == (2, 250)
    found = geometry.to_frame(np.array([[100, 0.5, 200, 1.5]], np.float32))
    np.testing.assert_allclose(found, [[400, 2.5, 800, 7.5]])
    assert input_geometry(1, 1000, preset_config("compact"), 0.25).resized == (1, 250)


@pytest.mark.parametrize(
    ("scale", "interpolation"), [(0.75, cv2.INTER_AREA), (1.3, cv2.INTER_LINEAR)]
)
def test_frames_shrink_by_area_and_grow_bilinearly(scale, interpolation):
    image = np.random.default_rng(0).integers(0, 256, (80, 160, 3), np.uint8)
    geometry = input_geometry(80, 160, preset_config("compact"), scale)
    height, width = geometry.resized
    expected = cv2.resize(image, (width, height), interpolation=interpolation)
    found = network_input([image], geometry)[0, :height, :width]
    np.testing.assert_array_equal(found.numpy(), expected)
