"""Foreground for a moving camera: pixels that move differently from the ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stages.records import Float32Array, UInt8Array
from tools.datasets.box_mask import box_mask, whole_boxes

FlowFunction = Callable[[UInt8Array, UInt8Array], Float32Array]

FRAMES_APART = 4
"""Distance between the two frames of a flow: a slow vehicle moves by more than the noise."""
WIDTH = 1024  # pixels: wider frames are reduced to this width
MIN_MOTION = 0.3  # pixels
NOISE = 4.0  # times the noise of the ground's motion
SHARE = 0.6  # of the vehicle's motion; flow is smooth and extends beyond the vehicle's edges
_GRID = 12  # pixels between the points that the ground is fitted to
_MIN_POINTS = 40
_MIN_AGREEING = 0.3
_MIN_SIDE = 16  # pixels; OpenCV's flow of smaller frames fails, or ends the process
_OFF = 0.5  # pixels by which a point of the ground may deviate
_TYPICAL = 80  # percentile of the motion around a box's centre, used as the vehicle's motion


def dis_flow() -> FlowFunction:
    """Returns dense inverse search (Kroeger et al. 2016), preset medium, variationally refined."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def flow(first: UInt8Array, second: UInt8Array) -> Float32Array:
        empty = np.zeros((*first.shape, 2), np.float32)
        return np.asarray(dis.calc(first, second, empty), np.float32)

    return flow


def moving_foreground(
    frame: UInt8Array,
    neighbors: Sequence[UInt8Array],
    boxes: Float32Array | None,
    flow: FlowFunction,
) -> UInt8Array:
    """Returns the pixels of ``frame`` that move differently from the ground.

    The ground's motion to each neighbour is a homography, fitted by RANSAC to the dense flow
    outside the boxes. A pixel is foreground if its residual flow exceeds the noise to *every*
    neighbour and a share of the motion of the vehicle to which it belongs. There is one neighbour
    before and one after, as ground that a vehicle uncovers seems to move in only one of them.

    Args:
        frame: ``(H, W)`` uint8 grey.
        neighbors: Frames of the same sequence, in the same form.
        boxes: ``(N, 4)`` left, top, right, bottom in pixels; None if there are none, in which case
            each moving region counts as a box.
        flow: Maps two grey frames to their flow, ``(H, W, 2)`` float32 pixels.

    Returns:
        ``(H, W)`` uint8, 0 or 255; all 0 if the ground's motion cannot be found, as in frames of
        less than 16 pixels.
    """
    height, width = frame.shape
    scale = min(1.0, WIDTH / width)
    small = _resized(frame, scale)
    if min(small.shape) < _MIN_SIDE:
        return np.zeros((height, width), np.uint8)
    given = np.zeros((0, 4), np.float32) if boxes is None else boxes * np.float32(scale)
    ground = box_mask(given, *small.shape) == 0
    motions = []
    for neighbor in neighbors:
        motion = ground_relative(flow(small, _resized(neighbor, scale)), ground)
        if motion is not None:
            motions.append(motion)
    found = np.zeros(small.shape, np.uint8)
    if motions:
        motion = np.min(motions, axis=0)
        least = _noise_floor(motion[ground])
        regions = _moving_parts(motion > least) if boxes is None else given
        for left, top, right, bottom in whole_boxes(regions, *small.shape):
            part = motion[top:bottom, left:right]
            if part.size:
                own = part > max(least, SHARE * _typical(part))
                found[top:bottom, left:right][own] = 255
    if scale == 1.0:
        return found
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def ground_relative(flow: Float32Array, ground: npt.NDArray[np.bool_]) -> Float32Array | None:
    """Computes the speed relative to the ground.

    Args:
        flow: ``(H, W, 2)`` pixels.
        ground: ``(H, W)`` bool, where there are no boxes.

    Returns:
        ``(H, W)`` float32 pixels, or None if no motion of the ground explains the flow.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[_GRID // 2 : height : _GRID, _GRID // 2 : width : _GRID]
    free = ground[y, x]
    if free.sum() < _MIN_POINTS:
        free[:] = True
    before = np.stack([x[free], y[free]], axis=1).astype(np.float32)
    after = before + flow[y[free], x[free]]
    if len(before) < _MIN_POINTS or not np.isfinite(after).all():
        return None
    matrix, agreeing = cv2.findHomography(before, after, cv2.RANSAC, _OFF)
    if matrix is None or agreeing.sum() < _MIN_AGREEING * len(before):
        return None
    columns = np.arange(width, dtype=np.float32)[None]
    rows = np.arange(height, dtype=np.float32)[:, None]
    (a, b, c), (d, e, f), (g, h, i) = matrix.astype(np.float32)
    depth = g * columns + h * rows + i
    rest_x = flow[..., 0] - ((a * columns + b * rows + c) / depth - columns)
    rest_y = flow[..., 1] - ((d * columns + e * rows + f) / depth - rows)
    return np.asarray(cv2.magnitude(rest_x, rest_y), np.float32)


def _noise_floor(ground_motion: Float32Array) -> float:
    """Returns the least motion that is not noise, from the ground's median absolute deviation."""
    thin = ground_motion[::7]
    if not thin.size:
        return MIN_MOTION
    median = np.median(thin)
    spread = 1.4826 * np.median(np.abs(thin - median))
    return max(MIN_MOTION, float(median + NOISE * spread))


def _typical(part: Float32Array) -> float:
    height, width = part.shape
    center = part[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.percentile(center if center.size else part, _TYPICAL))


def _moving_parts(moving: npt.NDArray[np.bool_]) -> Float32Array:
    """Returns ``(N, 4)`` ltrb boxes of connected regions larger than specks."""
    opened = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    statistics: npt.NDArray[Any] = cv2.connectedComponentsWithStats(opened)[2][1:]
    left, top, width, height = statistics[:, :4].T
    return np.stack([left, top, left + width, top + height], axis=1).astype(np.float32)


def _resized(image: UInt8Array, scale: float) -> UInt8Array:
    if scale == 1.0:
        return image
    shape = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
