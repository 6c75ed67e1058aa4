from fractions import Fraction

import numpy as np

from stages.records import Frame, FrameHeader, PixelFormat, StreamStart


def test_an_image_is_a_frame_of_one_every_second():
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
