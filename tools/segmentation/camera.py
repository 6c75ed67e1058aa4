"""Detects whether the camera of a sequence moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.decoder.camera_motion import CameraMotion
from stages.decoder.motion import STILL, composed
from stages.records import Float32Array, Frame, UInt8Array

MAX_DRIFT = 0.012  # of the frame's width, from the first frame to any other
MAX_LOST = 0.5  # share of frames without an estimate; above this, the camera counts as moving


def camera_moves(images: Sequence[UInt8Array]) -> bool:
    """Returns whether the camera moves, judged by frames from its whole sequence, in order.

    A mast that sways in the wind counts as still: the criterion is how far the corners of the frame
    get from their first position. Frames without an estimate are skipped, unless there are many.

    Args:
        images: ``(H, W, 3)`` uint8 BGR.
    """
    if len(images) < 2:
        return False
    camera = CameraMotion()
    from_start: Float32Array | None = STILL
    lost, farthest = 0, 0.0
    height, width = images[0].shape[:2]
    for index, image in enumerate(images):
        motion = camera.estimate(Frame.of_image(image, index=index))
        if index == 0:
            continue
        if motion is None:
            lost += 1
            continue
        from_start = composed(from_start, motion)
        if from_start is None:
            return True
        farthest = max(farthest, _corner_shift(from_start, width, height))
    return farthest > MAX_DRIFT * width or lost > MAX_LOST * (len(images) - 1)


def _corner_shift(motion: Float32Array, width: int, height: int) -> float:
    """Returns the median displacement of the frame's corners in pixels."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    moved = corners @ motion[:, :2].T + motion[:, 2]
    return float(np.median(np.linalg.norm(moved - corners, axis=1)))
