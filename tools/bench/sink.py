"""Speed of the overlay: drawing, encoding, and both as in the sink."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from pipeline.config import RuntimeConfig
from stages.color_spaces import UNSPECIFIED
from stages.records import (
    Detections,
    FrameHeader,
    PixelFormat,
    StreamStart,
    Tracks,
    UInt8Array,
)
from stages.sink.drawing import YuvCanvas
from stages.sink.encoding import VideoSettings
from stages.sink.options import SinkOptions
from stages.sink.overlay_parts import OverlayParts
from stages.sink.painter import OverlayPainter
from stages.sink.slots import Slots
from tools.bench.decode import moving_images
from tools.bench.figures import CPU, RATE, BenchReport, Ratio, Runner, measure

DRAWING, ENCODING, OVERLAY, LIMIT = "drawing", "encoding, bare PyAV", "overlay", "1080p30 on a core"
HALF, ULTRAFAST = "overlay of half the height", "overlay, ultrafast"
FRAME_RATE = 30
RATIOS = (
    Ratio(OVERLAY, ENCODING),
    Ratio(ENCODING, OVERLAY, CPU),
    Ratio(LIMIT, OVERLAY, CPU, aim=1.0),
    Ratio(DRAWING, OVERLAY, CPU),
    Ratio(HALF, OVERLAY, CPU),
    Ratio(ULTRAFAST, OVERLAY, CPU),
)
_DISTINCT = 24  # frames in memory, used repeatedly


def bench_sink(
    *,
    frames: int = 96,
    vehicles: int = 30,
    rounds: int = 5,
    warm_up: int = 1,
    height: int = 1080,
    width: int = 1920,
    progress: Callable[[str], None] = lambda what: None,
) -> BenchReport:
    """Draws and encodes the same frames and tracks, with the sink's settings.

    Args:
        frames: Frames per round.
        vehicles: Tracks per frame.
        rounds: Number of rounds, each measuring all in turn.
        warm_up: Number of uncounted rounds before them.
        height: Height in pixels, even.
        width: Width in pixels, even.
        progress: Called with what is being measured.
    """
    images = list(moving_images(_DISTINCT, height, width))
    tracks = drifting_tracks(frames, vehicles, height, width)
    rate = Fraction(FRAME_RATE)
    start = StreamStart("bench", 0, "", height, width, rate, 1 / rate, class_names=("car",))
    overlays = {
        OVERLAY: SinkOptions(),
        HALF: SinkOptions(overlay_height=height // 2),
        ULTRAFAST: SinkOptions(overlay_preset="ultrafast"),
    }
    runners: dict[str, Runner] = {
        DRAWING: partial(_timed, _draw, images, tracks, start),
        ENCODING: partial(_timed, _encode, images, tracks, start),
        **{
            name: partial(_timed, partial(_overlay, options), images, tracks, start)
            for name, options in overlays.items()
        },
        LIMIT: lambda: {CPU: 1000 / FRAME_RATE},
    }
    return measure("sink", runners, RATIOS, rounds=rounds, warm_up=warm_up, progress=progress)


def drifting_tracks(frames: int, vehicles: int, height: int, width: int) -> list[Tracks]:
    """Returns vehicles that cross the frame; one that leaves re-enters with a new id."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, (width, height), (vehicles, 2))
    steps = rng.normal(0, 3, (vehicles, 2))
    sizes = rng.uniform(height / 30, height / 8, (vehicles, 2))
    scores = np.linspace(0.4, 1, vehicles, dtype=np.float32)
    classes = np.zeros(vehicles, np.int16)
    numbers = np.arange(1, vehicles + 1, dtype=np.int64)
    result = []
    for index in range(frames):
        turns, corner = np.divmod(positions + steps * index, (width, height))
        journeys = (turns[:, 0] * 100 + turns[:, 1]).astype(np.int64)
        ids = numbers + vehicles * (journeys + 10_000)
        boxes = np.concatenate([corner, corner + sizes], axis=1).astype(np.float32)
        header = FrameHeader.of_image(
            height,
            width,
            "bench",
            index,
            pixel_format=PixelFormat.YUV420P,
            time_base=Fraction(1, FRAME_RATE),
        )
        result.append(
            Tracks(Detections(header, boxes, scores, classes), boxes, scores, classes, ids)
        )
    return result


Work = Callable[[Sequence[UInt8Array], Sequence[Tracks], StreamStart], tuple[float, float]]
"""Returns the wall and CPU seconds to exclude from the measurement."""


def _timed(
    work: Work, images: Sequence[UInt8Array], tracks: Sequence[Tracks], start: StreamStart
) -> dict[str, float]:
    started, used = time.perf_counter(), time.process_time()
    wall_apart, cpu_apart = work(images, tracks, start)
    wall = time.perf_counter() - started - wall_apart
    cpu = time.process_time() - used - cpu_apart
    return {RATE: len(tracks) / wall, CPU: cpu / len(tracks) * 1e3}


def _draw(
    images: Sequence[UInt8Array], tracks: Sequence[Tracks], start: StreamStart
) -> tuple[float, float]:
    """Draws on one frame repeatedly, as the content makes no difference."""
    painter = OverlayPainter(start.height, start.width, start.class_names)
    canvas = _canvas(images[0].copy())
    for each in tracks:
        painter.draw(canvas, each, each.frame.number)
    return 0.0, 0.0


def _canvas(image: UInt8Array) -> YuvCanvas:
    height, width = image.shape[0] * 2 // 3, image.shape[1]
    u, v = image[height:].reshape(2, height // 2, width // 2)
    return YuvCanvas(image[:height], u, v)


def _encode(
    images: Sequence[UInt8Array], tracks: Sequence[Tracks], start: StreamStart
) -> tuple[float, float]:
    """Encodes drawn frames; the drawing time is excluded."""
    settings = VideoSettings(
        start.width,
        start.height,
        start.time_base,
        start.frame_rate,
        UNSPECIFIED,
        start.pixel_aspect,
        SinkOptions().overlay_crf,
        SinkOptions().overlay_preset,
    )
    context = settings.open_encoder()
    painter = OverlayPainter(start.height, start.width, start.class_names)
    wall = cpu = 0.0
    for index, each in enumerate(tracks):
        began, used = time.perf_counter(), time.process_time()
        image = images[index % len(images)].copy()
        painter.draw(_canvas(image), each, each.frame.number)
        frame = VideoFrame.from_ndarray(image, "yuv420p")
        frame.pts, frame.time_base = index, start.time_base
        wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - used
        context.encode(frame)
    context.encode(None)
    return wall, cpu


def _overlay(
    options: SinkOptions,
    images: Sequence[UInt8Array],
    tracks: Sequence[Tracks],
    start: StreamStart,
) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="spotstream-bench-") as folder:
        slots = Slots(RuntimeConfig().slots)
        overlays = OverlayParts(Path(folder), options, slots.free, lambda: None)
        for index, each in enumerate(tracks):
            slots.wait(overlays)
            overlays.write(start, each, images[index % len(images)], index + 1)
        overlays.commit()
    return 0.0, 0.0
