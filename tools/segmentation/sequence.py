"""Segments one sequence, from its frames to mask files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from stages.atomic import replacing
from stages.records import UInt8Array
from tools.datasets.box_mask import box_mask
from tools.segmentation.background import make_background
from tools.segmentation.camera import camera_moves
from tools.segmentation.flow import FRAMES_APART, dis_flow, moving_foreground
from tools.segmentation.frames import Frames, SequenceFrame
from tools.segmentation.mask_record import chosen_method, write_record
from tools.segmentation.options import Method, SegmentOptions, Subtractor
from tools.segmentation.refine import fill_empty, soften, without_specks
from tools.workers import StoppedError

LEARNED = 60  # frames from which the background and the camera's motion are learned
_LEARNED_BYTES = 400_000_000
_MIN_FRAMES = 8  # minimum for a background
_PNG_END = b"IEND\xaeB`\x82"


Found: TypeAlias = tuple[SequenceFrame, UInt8Array, npt.NDArray[np.bool_] | None]
"""A frame, its foreground, and where the foreground is unknown (None: nowhere)."""


@dataclass(slots=True)
class SequenceSummary:
    """The result for a sequence.

    Attributes:
        name: Name of the sequence.
        method: How its masks were made; ``""`` if all existed.
        written: Number of masks written.
        kept: Number of masks that already existed.
        problems: Images that were left out.
    """

    name: str
    method: str = ""
    written: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def segment_sequence(
    frames: Frames,
    options: SegmentOptions,
    advance: Callable[[int], None] = lambda count: None,
    stopped: Callable[[], bool] = lambda: False,
    *,
    recorded: bool = True,
) -> SequenceSummary:
    """Writes the missing masks of a sequence.

    A background follows the light from frame to frame. If a mask is missing, all frames are
    processed again, so that an interrupted run yields the same masks as an uninterrupted one.

    Args:
        frames: The sequence.
        options: How masks are made.
        advance: Called with the number of further frames done.
        stopped: Called before each frame; returns whether to stop.
        recorded: Whether the masks have their own folder, which gets a record of ``options``.

    Raises:
        OutputError: The file system refuses.
        SourceError: A video cannot be read.
        StoppedError: ``stopped`` returned True.
    """
    summary = SequenceSummary(frames.name)
    masks = frames.masks()
    missing = {mask for mask in masks if not is_complete(mask)}
    summary.kept = len(masks) - len(missing)
    if missing and summary.kept:
        usable = frames.read() if options.method is Method.BOXES else _of_one_size(frames)
        if not any(frame.mask in missing for frame in usable):
            missing = set()
    if not missing:
        advance(len(masks))
        summary.problems = list(frames.problems)
        return summary
    folder = masks[0].parent
    method = chosen_method(folder, options) if summary.kept else options.method
    learned: list[SequenceFrame] = []
    if method in (Method.AUTO, Method.BACKGROUND):
        learned = _learned(frames, len(masks))
        if method is Method.AUTO:
            still = len(learned) >= _MIN_FRAMES and not camera_moves([p.image for p in learned])
            method = Method.BACKGROUND if still else Method.FLOW
    advance(summary.kept)
    found = {
        Method.BACKGROUND: lambda: _by_background(frames, learned, options.subtractor),
        Method.FLOW: lambda: _by_flow(frames, missing),
        Method.BOXES: lambda: _by_boxes(frames, missing),
    }[method]
    for frame, foreground, unknown in found():
        if stopped():
            raise StoppedError
        if frame.mask not in missing:  # the background had to process the frame all the same
            continue
        if method is not Method.BOXES:
            foreground = _refined(frame, foreground, unknown, options)
        if not summary.written and recorded:
            write_record(folder, method, options)
        _write(frame.mask, foreground)
        summary.written += 1
        advance(1)
    advance(len(missing) - summary.written)
    summary.method = method.value
    summary.problems = list(frames.problems)
    return summary


def _write(path: Path, mask: UInt8Array) -> None:
    # Not synced to the disk: `is_complete` finds files that a crash cut off.
    with replacing(path, synced=False) as part:
        part.write_bytes(cv2.imencode(".png", mask)[1].tobytes())


def _refined(
    frame: SequenceFrame,
    foreground: UInt8Array,
    unknown: npt.NDArray[np.bool_] | None,
    options: SegmentOptions,
) -> UInt8Array:
    """Returns the mask to write: cut to the boxes, filled, blurred and thresholded."""
    if frame.boxes is not None:
        foreground = foreground & box_mask(frame.boxes, *foreground.shape)
        if options.fill_empty:
            foreground = fill_empty(foreground, frame.boxes, unknown)
    else:
        foreground = without_specks(foreground)
    return soften(foreground) if options.blur else foreground


def is_complete(mask: Path) -> bool:
    """Returns whether the PNG file exists and is written to its end."""
    try:
        with mask.open("rb") as file:
            file.seek(-len(_PNG_END), 2)
            return file.read() == _PNG_END
    except OSError:
        return False


def _learned(frames: Frames, count: int) -> list[SequenceFrame]:
    """Returns frames from the whole sequence, as many as fit in memory."""
    every = -(-count // LEARNED)
    chosen: list[SequenceFrame] = []
    for frame in _of_one_size(frames, every):
        chosen.append(frame)
        most = max(_MIN_FRAMES, _LEARNED_BYTES // frame.image.nbytes)
        if len(chosen) * every < count and len(chosen) >= most:
            step = -(-count // (every * most))
            return list(_of_one_size(frames, every * step))
    return chosen


def _of_one_size(
    frames: Frames, every: int = 1, size: tuple[int, ...] | None = None
) -> Iterator[SequenceFrame]:
    """Yields every n-th frame that has the shape ``size``, by default that of the first frame."""
    for frame in frames.read(every):
        size = size or frame.image.shape
        if frame.image.shape == size:
            yield frame
        else:
            which = f"{frame.mask.stem} of {frames.name}"
            frames.problems[f"{which} has another size than the first frame"] = None


def _by_background(
    frames: Frames, learned: list[SequenceFrame], subtractor: Subtractor
) -> Iterator[Found]:
    if not learned:
        return
    images = [frame.image for frame in learned]
    covers = [cover for frame in learned if (cover := _cover(frame)) is not None]
    background = make_background(subtractor, images, covers or None)
    for frame in _of_one_size(frames, size=images[0].shape):
        yield frame, background.foreground(frame.image, _cover(frame)), ~background.known


def _cover(frame: SequenceFrame) -> UInt8Array | None:
    return None if frame.boxes is None else box_mask(frame.boxes, *frame.image.shape[:2])


def _by_flow(frames: Frames, wanted: set[Path]) -> Iterator[Found]:
    apart, flow = frames.apart(FRAMES_APART), dis_flow()
    window: deque[tuple[SequenceFrame, UInt8Array]] = deque(maxlen=2 * apart + 1)
    seen = 0

    def found(position: int) -> Iterator[Found]:
        at = position - (seen - len(window))
        frame, gray = window[at]
        if frame.mask not in wanted:
            return
        neighbors = [window[i][1] for i in (at - apart, at + apart) if 0 <= i < len(window)]
        if not neighbors and len(window) > 1:  # the sequence is shorter than the distance
            neighbors = [window[-1 if at == 0 else 0][1]]
        yield frame, moving_foreground(gray, neighbors, frame.boxes, flow), None

    for frame in _of_one_size(frames):
        window.append((frame, np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)))
        seen += 1
        if seen > apart:
            yield from found(seen - apart - 1)
    if seen == 1 and window[0][0].boxes is None:
        frames.problems[f"{frames.name}: motion cannot be found in one frame without boxes"] = None
        return
    for position in range(max(0, seen - apart), seen):
        yield from found(position)


def _by_boxes(frames: Frames, wanted: set[Path]) -> Iterator[Found]:
    for frame in frames.read():
        if frame.mask in wanted and (cover := _cover(frame)) is not None:
            yield frame, cover, None
