from fractions import Fraction

import pytest

from stages.detector.large_frames import frame_size_warning
from stages.records import StreamStart


def start(width, height, epoch=0):
    return StreamStart("cam", epoch, "", height, width, Fraction(25), Fraction(1, 25))


def test_frames_larger_than_needed_are_reported_with_a_scale():
    message = frame_size_warning(start(3840, 2160), 0.75)
    assert "frames of 3840x2160 are searched at 2880x1620" in message
    assert message.endswith("set detector.scale=0.33")
    assert frame_size_warning(start(2160, 3840), 0.75).endswith("detector.scale=0.33")
    assert frame_size_warning(start(3840, 2160, epoch=1), 0.75) == ""


@pytest.mark.parametrize(("size", "scale"), [((1920, 1080), 1.0), ((3840, 2160), 0.33)])
def test_other_frames_are_not_reported(size, scale):
    assert frame_size_warning(start(*size), scale) == ""
