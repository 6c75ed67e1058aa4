import numpy as np
import pytest

from stages.decoder.blank_source import blank_location
from stages.decoder.locations import SourceSpec
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import EndOfStream, Frame, PixelFormat, StreamStart


class Lender:
    def __init__(self):
        self.lent = []

    def allocate(self, shape):
        self.lent.append(np.full(shape, 7, np.uint8))
        return self.lent[-1]


def opened(location):
    return open_source(SourceSpec("blank", location))


def test_frames_are_the_lent_arrays_untouched():
    lender = Lender()
    source = opened(blank_location(48, 64, 3, PixelFormat.BGR24, 30))
    start, *frames, end = source.records(lender)
    assert isinstance(start, StreamStart)
    assert (start.height, start.width, start.frame_rate, start.frame_count) == (48, 64, 30, 3)
    assert all(isinstance(frame, Frame) for frame in frames)
    assert [frame.pixels is lent for frame, lent in zip(frames, lender.lent, strict=True)] == [
        True
    ] * 3
    assert [frame.header.seconds for frame in frames] == pytest.approx([0, 1 / 30, 2 / 30])
    assert (lender.lent[0] == 7).all()
    assert isinstance(end, EndOfStream)
    assert end.frames == 3


def test_a_malformed_location_is_refused():
    with pytest.raises(SourceError, match="is not like blank:1920x1080:yuv420p:500@25"):
        opened("blank:large")
