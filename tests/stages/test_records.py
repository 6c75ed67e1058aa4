from fractions import Fraction

import numpy as np
import pytest

from stages.records import Frame, FrameHeader, PixelFormat, StreamStart


def test_images_are_frames_at_one_per_second():
    image = np.zeros((48, 64, 3), np.uint8)
    frame = Frame.of_image(image, "cam", 7)
    header = frame.header
    assert frame.pixels is image
    assert (header.stream, header.number, header.seconds) == ("cam", 8, 7.0)
    assert header.shape == image.shape
    assert header.pixel_format is PixelFormat.BGR24


def test_a_frame_has_the_size_and_time_base_of_its_epoch():
    start = StreamStart("cam", 2, "cam.mp4", 48, 64, Fraction(25), Fraction(1, 1000))
    assert start.header(3, 5, 200, 7, PixelFormat.YUV420P) == FrameHeader(
        stream="cam",
        epoch=2,
        sequence=3,
        index=5,
        pts=200,
        time_base=Fraction(1, 1000),
        captured_ns=7,
        height=48,
        width=64,
        pixel_format=PixelFormat.YUV420P,
    )


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((48, 64), np.uint8), r"got \(48, 64\) uint8"),
        (np.zeros((48, 64, 4), np.uint8), r"got \(48, 64, 4\) uint8"),
        (np.zeros((48, 64, 3), np.float32), r"got \(48, 64, 3\) float32"),
        (np.zeros((0, 64, 3), np.uint8), r"got \(0, 64, 3\) uint8"),
        (None, r"got \(\) NoneType"),
    ],
)
def test_image_of_wrong_shape_or_type_is_rejected(image, got):
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8 BGR, " + got):
        Frame.of_image(image)


def test_pixels_must_match_the_header():
    header = FrameHeader.of_image(48, 64, "cam")
    with pytest.raises(ValueError, match="cam: frame 1 has no pixels"):
        Frame(header, None).required_pixels()
    whole = np.zeros((48, 64, 3), np.uint8)
    for pixels in (whole[..., 0], whole.astype(np.uint16), whole.tolist()):
        with pytest.raises(ValueError, match=r"frame 1 must have pixels \(48, 64, 3\) uint8, got"):
            Frame(header, pixels).required_pixels()


@pytest.mark.parametrize(("height", "width"), [(47, 64), (48, 63)])
def test_yuv_pixels_with_odd_sides_are_rejected(height, width):
    header = FrameHeader.of_image(height, width, "cam", pixel_format=PixelFormat.YUV420P)
    frame = Frame(header, np.zeros(header.shape, np.uint8))
    with pytest.raises(
        ValueError, match=rf"yuv420p, whose sides must be even, got {width}x{height}"
    ):
        frame.required_pixels()


@pytest.mark.parametrize(("height", "width"), [(47, 64), (48, 63)])
def test_bgr_image_may_have_odd_sides(height, width):
    image = np.zeros((height, width, 3), np.uint8)
    assert Frame.of_image(image).required_pixels() is image
