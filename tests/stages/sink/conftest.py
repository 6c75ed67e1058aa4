"""Records of a small stream."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from stages.atomic import AtomicFile
from stages.records import Detections, FrameHeader, PixelFormat, StreamStart, Tracks

HEIGHT, WIDTH = 96, 128
TIME_BASE = Fraction(1, 12800)
STEP = 512  # 25 frames a second
NAMES = ("car", "bus", "van", "others")


def make_start(**changes: object) -> StreamStart:
    values: dict[str, object] = {
        "stream": "cam",
        "epoch": 0,
        "source": "cam.mp4",
        "height": HEIGHT,
        "width": WIDTH,
        "frame_rate": Fraction(25),
        "time_base": TIME_BASE,
        "detector": "SpotNet",
        "detected_by": "nano, torch",
        "class_names": NAMES,
    }
    return StreamStart(**{**values, **changes})  # type: ignore[arg-type]


def make_header(index: int, **changes: object) -> FrameHeader:
    values: dict[str, object] = {
        "stream": "cam",
        "epoch": 0,
        "sequence": index,
        "index": index,
        "pts": index * STEP,
        "time_base": TIME_BASE,
        "captured_ns": index * 40_000_000,
        "height": HEIGHT,
        "width": WIDTH,
        "pixel_format": PixelFormat.YUV420P,
    }
    return FrameHeader(**{**values, **changes})  # type: ignore[arg-type]


def make_tracks(
    header: FrameHeader,
    boxes: object = (),
    ids: object = (),
    scores: object = None,
    motion: object = None,
) -> Tracks:
    box_array = np.array(boxes, np.float32).reshape(-1, 4)
    score_array = np.full(len(box_array), 0.9) if scores is None else np.array(scores)
    score_array = score_array.astype(np.float32)
    classes = np.zeros(len(box_array), np.int16)
    matrix = None if motion is None else np.array(motion, np.float32)
    detections = Detections(header, box_array, score_array, classes, matrix)
    return Tracks(detections, box_array, score_array, classes, np.array(ids, np.int64))


def gray(header: FrameHeader, luma: int = 90) -> np.ndarray:
    """Returns a uniform frame: every plane has one value."""
    pixels = np.full(header.shape, luma, np.uint8)
    if header.pixel_format is PixelFormat.YUV420P:
        pixels[header.height :] = 128
    return pixels


@contextlib.contextmanager
def committing() -> Iterator[Callable[[Path], AtomicFile]]:
    """Yields a function that begins files, which are committed at the end of the block."""
    files: list[AtomicFile] = []

    def begin(path: Path) -> AtomicFile:
        files.append(AtomicFile(path))
        return files[-1]

    yield begin
    for file in files:
        file.commit()


def names_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
