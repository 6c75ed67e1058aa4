import numpy as np

from stages.records import Frame, PixelFormat


def test_an_image_is_a_frame_of_one_every_second():
    image = np.zeros((48, 64, 3), np.uint8)
    frame = Frame.of_image(image, "cam", 7)
    header = frame.header
    assert frame.pixels is image
    assert (header.stream, header.number, header.seconds) == ("cam", 8, 7.0)
    assert header.shape == image.shape
    assert header.pixel_format is PixelFormat.BGR24
