"""Finds signs that the numbers in a file of boxes do not mean what they are assumed to mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from stages.detector.detection_file import UAVDT_CLASSES, DetectionFile
from stages.records import Float64Array
from stages.wording import counted


def file_warnings(
    file: DetectionFile,
    frame_size: tuple[float, float] | None,
    *,
    of_uavdt: bool = False,
    tracked: bool = True,
) -> list[str]:
    """Returns a warning for each sign that a file's units or classes are not as assumed.

    Args:
        file: The detections.
        frame_size: Width and height of the frames in pixels; None if unknown.
        of_uavdt: Whether its sequence is known to belong to UAVDT.
        tracked: Whether the detections are for a tracker, which expects scores from 0 to 1.
    """
    if len(file) == 0:
        empty = f"none of its {counted(file.without_area, 'box', 'boxes')} has an area"
        return [empty] if file.without_area else []
    lines = []
    if file.format == "uavdt" and not of_uavdt:
        lines.append(
            f"because of its nine columns and the class in its first line, this is taken for a "
            f"file in UAVDT's format, with classes {UAVDT_CLASSES}"
        )
    lines += box_warnings(file.boxes, frame_size)
    rows = np.column_stack((file.indices, file.boxes, file.scores, file.classes))
    if repeated := len(rows) - len(np.unique(rows, axis=0)):
        are = "is" if repeated == 1 else "are"
        lines.append(f"{counted(repeated, 'detection')} {are} there more than once")
    # Scores of either sign, as in MOT15, mean something else.
    least, most = file.scores.min(), file.scores.max()
    if tracked and (most <= 0 or (least >= 0 and most > 1)):
        found = "no score is above" if most <= 0 else "there are scores up to"
        lines.append(f"{found} {most:g}; the settings of trackers are for scores from 0 to 1")
        if most > 1 and (file.scores % 1 == 0).all():
            lines[-1] += "; are these whole numbers the ids of tracks?"
    return lines


def box_warnings(boxes: Float64Array, frame_size: tuple[float, float] | None) -> list[str]:
    """Returns a line if the numbers of a file's boxes may mean something else, or no line.

    Args:
        boxes: ``(N, 4)`` left, top, right, bottom, from a file with left, top, width, height.
        frame_size: Width and height of the frames in pixels; None if unknown.
    """
    if len(boxes) == 0:
        return []
    if (boxes[:, 2:] - boxes[:, :2]).max() <= 1:
        return ["no box is larger than a pixel; are these coordinates from 0 to 1?"]
    if _may_be_corners(boxes, frame_size):
        return [
            "width and height of every box are above its left and top; are they its right and "
            "bottom?"
        ]
    return []


def warnings_of_files(found: Iterable[tuple[Path, Sequence[str]]]) -> list[str]:
    """Returns the warnings about the first file with any, and the number of other such files."""
    suspicious = [(path, lines) for path, lines in found if lines]
    if not suspicious:
        return []
    path, lines = suspicious[0]
    more = f" and {counted(len(suspicious) - 1, 'other file')}" if len(suspicious) > 1 else ""
    return [f"{path}{more}: {line}" for line in lines]


def _may_be_corners(boxes: Float64Array, frame_size: tuple[float, float] | None) -> bool:
    """Returns whether width and height may be right and bottom: always greater than left and top.

    If the frame's size is known, some box must also extend beyond the frame.
    """
    starts, ends = boxes[:, :2], boxes[:, 2:]
    return bool((ends - starts > starts).all()) and (
        frame_size is None or bool((ends > frame_size).any())
    )
