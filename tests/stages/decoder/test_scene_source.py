from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from stages.decoder.scene_source import SceneSource
from stages.decoder.source import FrameSelection, SourceRuntime
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason, Frame, PixelFormat, StreamStart, UInt8Array
from stages.scene import Scene, SceneConfig

SMALL = SceneConfig(seed=7, width=480, height=272, frames=40, vehicles=60)


class HeapSlots:
    """Lends a new array for every frame."""

    def __init__(self) -> None:
        self.lent: list[UInt8Array] = []

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        self.lent.append(np.zeros(shape, np.uint8))
        return self.lent[-1]


def test_source_yields_start_frames_and_end() -> None:
    ticks = iter(range(1000, 2000))
    config = SceneConfig(
        seed=7, width=480, height=272, frames=40, frame_rate=Fraction(30000, 1001), vehicles=60
    )
    source = SceneSource(
        config,
        name="demo",
        selection=FrameSelection(first=3, last=12, every=4),
        runtime=SourceRuntime(clock=lambda: next(ticks)),
    )
    slots = HeapSlots()
    start, *frames, end = list(source.records(slots))
    assert isinstance(start, StreamStart)
    assert (start.stream, start.width, start.height, start.frame_count) == ("demo", 480, 272, 3)
    assert start.frame_rate == Fraction(30000, 1001)
    assert start.time_base == Fraction(1001, 30000)
    assert end == EndOfStream("demo", 0, 3, EndReason.COMPLETE)
    assert len(slots.lent) == 3
    scene = Scene(config)
    for sequence, (record, index) in enumerate(zip(frames, (2, 6, 10), strict=True)):
        assert isinstance(record, Frame)
        header = record.header
        assert (header.sequence, header.index, header.pts) == (sequence, index, index)
        assert header.time_base == start.time_base
        assert header.captured_ns == 1000 + sequence
        assert header.pixel_format is PixelFormat.YUV420P
        assert record.pixels is slots.lent[sequence]
        assert record.pixels.shape == header.shape
        back = cv2.cvtColor(record.pixels, cv2.COLOR_YUV2BGR_I420)
        assert cv2.absdiff(back, scene.render(index).image).mean() < 4


def test_source_refuses_a_range_beyond_the_scene() -> None:
    source = SceneSource(SMALL, selection=FrameSelection(first=41))
    with pytest.raises(SourceError, match="none of the scene's 40 frames"):
        next(iter(source.records(HeapSlots())))
