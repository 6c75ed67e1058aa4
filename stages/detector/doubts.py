"""What in a detection file is told, because it may be meant otherwise."""

from __future__ import annotations

from stages.detector.detection_file import UAVDT_CLASSES, DetectionFile


def doubts(
    file: DetectionFile, frame_size: tuple[int, int] | None, *, of_uavdt: bool = False
) -> list[str]:
    """Returns a line for each doubt about a file's units and classes, none if it has no boxes.

    Args:
        file: The detections.
        frame_size: Width and height of the frames in pixels; None if they are unknown.
        of_uavdt: Whether its sequence is known to be one of UAVDT.
    """
    if len(file) == 0:
        return []
    told = []
    if file.format == "uavdt" and not of_uavdt:
        told.append(
            f"because of its nine columns and the class in its first line, this is taken for a "
            f"file in UAVDT's format, with classes {UAVDT_CLASSES}"
        )
    if (file.boxes[:, 2:] - file.boxes[:, :2]).max() <= 1:
        told.append("no box is larger than a pixel; are these coordinates from 0 to 1?")
    elif _may_be_corners(file, frame_size):
        told.append(
            "width and height of every box are above its left and top; are they its right and "
            "bottom?"
        )
    # Scores of either sign, as in MOT15, mean something else.
    if file.scores.min() >= 0 and file.scores.max() > 1:
        told.append(
            f"there are scores up to {file.scores.max():g}; the settings of trackers are for "
            f"scores from 0 to 1"
        )
    return told


def _may_be_corners(file: DetectionFile, frame_size: tuple[int, int] | None) -> bool:
    """Returns whether width and height may be right and bottom: always beyond left and top.

    In a frame of known size, some box must also reach beyond it.
    """
    starts, ends = file.boxes[:, :2], file.boxes[:, 2:]
    return bool((ends - starts > starts).all()) and (
        frame_size is None or bool((ends > frame_size).any())
    )
