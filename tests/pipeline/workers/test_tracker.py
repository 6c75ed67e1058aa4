"""A tracker that has replaced another, whose last results the sink still receives."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.transport.envelope import Envelope
from pipeline.transport.logbook import SharedNumber
from pipeline.transport.messages import encode
from pipeline.workers.envelope_journal import append_envelope
from pipeline.workers.tracker import _Stream as TrackerStream
from stages.records import (
    Detections,
    EndOfStream,
    EndReason,
    FrameHeader,
    PixelFormat,
    StreamStart,
)
from stages.sink.folder_contents import JOURNAL
from stages.sink.journal import Journal
from stages.sink.timing import Written
from stages.tracker import TrackerStage


@pytest.fixture
def stream(plan, logbook):
    logbook[SharedNumber.ACKNOWLEDGED] = 5
    return TrackerStream(plan, TrackerStage("sort", {}), logbook, lambda: None)


def frame(position, boxes=0):
    index = position - 1
    header = FrameHeader(
        "cam", 0, index, index, index, Fraction(1, 25), 5, 4, 6, PixelFormat.YUV420P
    )
    found = np.tile(np.float32([1, 1, 4, 4]), (boxes, 1))
    detections = Detections(header, found, np.ones(boxes, np.float32), np.zeros(boxes, np.int16))
    return Envelope(detections, position=position)


def test_a_held_record_is_sent_once_the_sink_has_taken_those_before_it(stream, logbook):
    end = Envelope(EndOfStream("cam", 0, 7, EndReason.INTERRUPTED), position=8)
    assert list(stream.take(end)) == []
    logbook[SharedNumber.ACKNOWLEDGED] = 8
    sent = [each.position for position in (7, 5, 6) for each in stream.take(frame(position))]
    assert sent == [8]


def test_tracking_uses_the_sinks_journal_instead_of_repeated_detections(plan, logbook):
    """By then, the frame's slot may hold another frame."""
    seen = []

    class Watched(TrackerStage):
        def process(self, detections):
            seen.append((detections.frame.index, len(detections.boxes)))
            return super().process(detections)

    logbook[SharedNumber.LOSSLESS] = 1
    stream = TrackerStream(plan, Watched("sort", {}), logbook, lambda: None)
    plan.folder("cam").mkdir(parents=True)
    with contextlib.closing(Journal(plan.folder("cam") / JOURNAL)) as journal:
        predecessor = TrackerStage("sort", {})
        start = StreamStart("cam", 0, "cam.mp4", 4, 6, Fraction(25), Fraction(1, 25), 2)
        append_envelope(journal, encode(Envelope(start, position=0)), None)
        for taken in (frame(1, boxes=1), frame(2, boxes=2)):
            taken = replace(taken, record=predecessor.process(taken.record))
            append_envelope(journal, encode(taken), Written(1, 0))
    logbook[SharedNumber.ACKNOWLEDGED] = 3
    for detected_again in (Envelope(start, position=0), frame(1, boxes=3), frame(2, boxes=3)):
        assert [each.position for each in stream.take(detected_again)] == [detected_again.position]
    assert seen == [(0, 1), (1, 2)]


def test_a_repeated_answer_includes_the_trackers_work(stream):
    for asked in (frame(5), frame(5)):
        [answer] = stream.take(replace(asked, work_ns={"detector": 7}))
        assert set(answer.work_ns) == {"detector", "tracker"}


def test_a_logbooks_worth_of_answers_is_kept_without_pixels(stream, logbook):
    logbook[SharedNumber.ACKNOWLEDGED] = 0
    most = logbook[SharedNumber.ENTRIES]
    for position in range(5, 5 + 2 * most):
        [_] = stream.take(replace(frame(position), pixels=np.zeros((4, 4), np.uint8)))
    kept = list(stream._recent.values())
    assert [each.position for each in kept] == list(range(5 + most, 5 + 2 * most))
    assert all(each.pixels is None for each in kept)
