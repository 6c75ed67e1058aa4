"""Estimates the motion of the camera from one frame to the next."""

from __future__ import annotations

import cv2
import numpy as np

from stages.decoder.motion import is_likely
from stages.records import Float32Array, Float64Array, Frame, UInt8Array

WIDTH = 480  # pixels: wider frames are scaled down to this
_BLOCK = 24  # pixels of the small image: side of a square in which one corner is tracked
MIN_CORNERS = 12
MIN_SHARE = 0.3  # share of the corners that must agree on the motion
_INLIER_DISTANCE = 0.7  # pixels of the small image; a corner farther off does not agree


class CameraMotion:
    """Tracks corners by sparse optical flow and takes their dominant motion as the camera's.

    It picks one corner in each block of the frame (Shi and Tomasi 1994), since the strongest ones
    lie on vehicles, tracks them by pyramidal Lucas-Kanade flow (Bouguet 2000) and fits a similarity
    transform by RANSAC. The same frames always give the same motion.
    """

    def __init__(self) -> None:
        self._previous: UInt8Array | None = None
        self._epoch = -1

    def pass_over(self, frame: Frame) -> None:
        """Takes a frame without estimating its motion."""
        self._previous = small_gray(frame)
        self._epoch = frame.header.epoch

    def estimate(self, frame: Frame) -> Float32Array | None:
        """Takes the next frame and estimates the motion to it.

        Returns:
            ``(2, 3)`` similarity transform from the pixels of the previous frame to those of this
            one, with the origin at the outer corner of the first pixel; None at the start of an
            epoch, or if no motion explains the frame, as at a cut.
        """
        before = self._previous if self._epoch == frame.header.epoch else None
        self.pass_over(frame)
        if before is None:
            return None
        assert self._previous is not None
        motion = _motion(before, self._previous)
        if motion is None:
            return None
        scale = frame.header.width / self._previous.shape[1]
        motion[:, 2] *= scale
        return motion.astype(np.float32)


def small_gray(frame: Frame) -> UInt8Array:
    """Returns a grey copy, at most ``WIDTH`` pixels wide."""
    header, pixels = frame.header, frame.required_pixels()
    height, width = header.height, header.width
    if header.pixel_format.is_yuv:
        gray = pixels[:height]
    else:
        gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    if width <= WIDTH:
        return gray.copy()
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _motion(before: UInt8Array, after: UInt8Array) -> Float64Array | None:
    corners = corners_of(before)
    if len(corners) < MIN_CORNERS:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, corners, corners.copy(), winSize=(15, 15)
    )
    seen = found.ravel() == 1
    if seen.sum() < MIN_CORNERS:
        return None
    motion, agreeing = cv2.estimateAffinePartial2D(
        corners[seen] + 0.5,
        moved[seen] + 0.5,
        method=cv2.RANSAC,
        ransacReprojThreshold=_INLIER_DISTANCE,
    )
    if motion is None or agreeing.sum() < max(MIN_CORNERS, MIN_SHARE * len(corners)):
        return None
    return np.asarray(motion, np.float64) if is_likely(motion) else None


def corners_of(image: UInt8Array) -> Float32Array:
    """Returns ``(N, 2)`` x, y of the strongest corner in every block that is not flat."""
    rows, columns = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    strength = np.asarray(cv2.cornerMinEigenVal(image, 3))[: rows * _BLOCK, : columns * _BLOCK]
    squares = strength.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    blocks = squares.reshape(rows * columns, _BLOCK * _BLOCK)
    inside = np.stack(np.divmod(blocks.argmax(axis=1), _BLOCK)[::-1], axis=1)
    first = np.stack(np.divmod(np.arange(rows * columns), columns)[::-1], axis=1) * _BLOCK
    return (first + inside)[blocks.max(axis=1) > 0].astype(np.float32)
