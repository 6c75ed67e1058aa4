"""A tracker that has replaced another, whose last answers the sink still takes."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.transport.logbook import SharedNumber
from pipeline.transport.messages import Envelope
from pipeline.workers.tracker import _Stream as TrackerStream
from stages.records import Detections, EndOfStream, EndReason, FrameHeader, PixelFormat
from stages.tracker import TrackerStage


@pytest.fixture
def stream(plan, logbook):
    logbook[SharedNumber.ACKNOWLEDGED] = 5
    return TrackerStream(plan, TrackerStage("sort", {}), logbook, lambda: None)


def frame(position):
    index = position - 1
    header = FrameHeader(
        "cam", 0, index, index, index, Fraction(1, 25), 5, 4, 6, PixelFormat.YUV420P
    )
    none = np.zeros(0, np.float32)
    detections = Detections(header, np.zeros((0, 4), np.float32), none, none.astype(np.int16))
    return Envelope(detections, position=position)


def test_what_was_held_goes_on_once_the_sink_has_taken_what_was_before_it(stream, logbook):
    end = Envelope(EndOfStream("cam", 0, 7, EndReason.INTERRUPTED), position=8)
    assert list(stream.take(end)) == []
    logbook[SharedNumber.ACKNOWLEDGED] = 8
    sent = [each.position for position in (7, 5, 6) for each in stream.take(frame(position))]
    assert sent == [8]
