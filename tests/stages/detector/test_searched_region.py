from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from stages.bgr import to_bgr
from stages.detector.device_computation import DeviceComputation
from stages.detector.network_detector import NetworkDetector
from stages.detector.searched_region import Crop, RegionDetector
from stages.errors import ConfigError
from stages.records import Frame, FrameHeader, PixelFormat, StreamStart
from stages.scene import Scene, SceneConfig

SCENE = Scene(SceneConfig(seed=2, width=320, height=192, frames=20, vehicles=120))
REGIONS = {"east": (160, 0, 320, 192), "south": (0, 63.5, 319, 999)}
PARTS = {"east": np.s_[:, 160:], "south": np.s_[62:]}
OFFSETS = {"east": [160, 0, 160, 0], "south": [0, 62, 0, 62]}


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (None, (0, 0, 101, 60)),
        ((-9, -9, 1e9, 1e9), (0, 0, 101, 60)),
        ((3, 5, 40.5, 31), (2, 4, 42, 32)),
        ((80, 40, 100.5, 60), (80, 40, 101, 60)),
        ((3, 3, 18, 17.1), (2, 2, 18, 18)),
    ],
)
def test_a_region_is_rounded_outwards_to_even_pixels_and_clipped(region, expected):
    assert Crop.of(region, 60, 101) == Crop(*expected)


@pytest.mark.parametrize(
    ("region", "size"),
    [((0, 60, 200, 90), "101x0"), ((4, 4, 18, 40), "14x36"), ((-50, -50, 0, 0), "0x0")],
)
def test_a_region_with_hardly_any_pixels_is_refused(region, size):
    shown = ", ".join(map(str, region))
    with pytest.raises(ConfigError) as error:
        Crop.of(region, 60, 101)
    assert str(error.value) == (
        f"detector.regions: [{shown}] has {size} pixels in frames of 101x60; "
        "at least 16x16 are needed"
    )


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_a_cut_frame_has_the_same_colours(pixel_format):
    header = FrameHeader.of_image(96, 128, pixel_format=pixel_format)
    noise = np.random.default_rng(0).integers(0, 256, header.shape, np.uint8)
    frame = Frame(header, noise, motion=np.eye(2, 3, dtype=np.float32))
    crop = Crop(22, 34, 86, 80)
    cut = crop.cut(frame)
    assert (cut.header.height, cut.header.width, cut.motion) == (46, 64, frame.motion)
    part = to_bgr(cut.required_pixels(), pixel_format)
    np.testing.assert_array_equal(part, to_bgr(noise, pixel_format)[34:80, 22:86])
    assert np.shares_memory(cut.pixels, noise) != pixel_format.is_yuv
    assert Crop(0, 0, 128, 96).cut(frame) is frame


@pytest.fixture(scope="module")
def network():
    return NetworkDetector("nano", engine="torch", device="cpu", threads=1)


@pytest.mark.parametrize(
    ("pixel_format", "on_device"),
    [(PixelFormat.YUV420P, False), (PixelFormat.BGR24, False), (PixelFormat.BGR24, True)],
)
def test_detections_equal_those_of_the_cut_image_moved(
    network, monkeypatch, pixel_format, on_device
):
    """For a batch of streams with different regions, one of them without."""
    if on_device:
        monkeypatch.setattr(network, "_compute", DeviceComputation(network.engine, None))
    detector = RegionDetector(network, REGIONS.get)
    assert detector.description == network.description
    frames, cut = [], []
    for index, name in enumerate(["east", "whole", "south", "east"]):
        image = SCENE.render(index).image
        frame = Frame.of_image(image, name, index)
        if pixel_format.is_yuv:
            pixels = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
            header = replace(frame.header, pixel_format=pixel_format)
            frame, image = Frame(header, pixels), to_bgr(pixels, pixel_format)
        frames.append(frame)
        cut.append(Frame.of_image(image[PARTS.get(name, np.s_[:])], name, index))
    found, expected = detector.detect(frames), network.detect(cut)
    for frame, one, other in zip(frames, found, expected, strict=True):
        assert one.frame is frame.header
        assert len(one) > 0
        offset = np.float32(OFFSETS.get(frame.header.stream, [0] * 4))
        np.testing.assert_array_equal(one.boxes, other.boxes + offset)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.classes, other.classes)


def test_warnings_are_about_frames_of_the_regions_size(network):
    detector = RegionDetector(network, {"a": (0, 0, 4000, 800)}.get)
    start = StreamStart("a", 0, "", 2160, 3840, Fraction(25), Fraction(1, 25))
    assert detector.warnings(start) == []
    [line] = detector.warnings(replace(start, stream="b"))
    assert "frames of 3840x2160 are searched at" in line
    with pytest.raises(ConfigError, match=r"\[0, 0, 4000, 800\] has 8x8 pixels in frames of 8x8;"):
        detector.warnings(replace(start, height=8, width=8))


def test_a_detector_of_regions_is_driven_like_the_one_that_it_wraps():
    inner = SimpleNamespace(
        name="a",
        description="b",
        class_names=("c",),
        batch_size=8,
        compute_threads=object(),
        is_immediate=True,
    )
    detector = RegionDetector(inner, {}.get)
    for name in vars(inner):
        assert getattr(detector, name) is getattr(inner, name)
