"""The ground truth of a scene: which vehicles are listed, and which regions are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import BoolArray, Float32Array, Float64Array, Int16Array, Int64Array
from stages.scene import SceneDetails
from tools.annotations.ignored import half_inside
from trackers.boxes import shorter_sides

MIN_SIDE = 3.0
"""Pixels; vehicles with a thinner box are not listed."""
MIN_VISIBLE = 0.01
"""Visible share of the part inside the frame; vehicles with less are not listed."""
_MARGIN = 3  # pixels around far vehicles that are also ignored


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """The vehicles of one image, sorted by id.

    Attributes:
        boxes: ``(N, 4)`` float32 ltrb in pixels, cut at the frame.
        ids: ``(N,)`` int64.
        classes: ``(N,)`` int16 index into ``Scene.class_names``.
        visibility: ``(N,)`` unoccluded share of the part inside the frame.
        truncation: ``(N,)`` share outside the frame.
        easy: ``(N,)`` bool, large and visible enough for the scene's own list.
        occluders: ``(N,)`` id of the vehicle that hides most of it; 0 if none does.
        overlaps: ``(N, 4)`` ltrb of the hidden part.
        small: ``(N,)`` bool, so far away that a side of the whole box is below 10 pixels.
    """

    boxes: Float32Array
    ids: Int64Array
    classes: Int16Array
    visibility: Float32Array
    truncation: Float32Array
    easy: BoolArray
    occluders: Int64Array
    overlaps: Float32Array
    small: BoolArray

    @classmethod
    def from_details(cls, details: SceneDetails) -> FrameTruth:
        """Keeps the vehicles without image and mask; drops those with hardly a visible pixel."""
        frame = details.frame
        large = shorter_sides(frame.boxes) >= MIN_SIDE
        kept = np.flatnonzero(large & (frame.visibility >= MIN_VISIBLE))
        order = kept[np.argsort(frame.ids[kept])]
        return cls(
            frame.boxes,
            frame.ids,
            frame.classes,
            frame.visibility,
            details.truncation,
            details.listed,
            details.occluders,
            details.overlaps,
            details.small,
        ).take(order)

    def take(self, rows: np.ndarray) -> FrameTruth:
        """Returns the vehicles of ``rows``, indices or a mask."""
        return FrameTruth(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class SceneTruth:
    """The ground truth of a scene.

    Attributes:
        name: Name of the scene.
        frames: One for each image.
        regions: ``(R, 4)`` ltrb in pixels, ignored in all images; vehicles with at least half their
            box in them are not listed.
        stable: Whether the camera is stationary.
        weather: ``sunny``, ``cloudy``, ``rainy`` or ``night``.
    """

    name: str
    frames: tuple[FrameTruth, ...]
    regions: Float64Array
    stable: bool
    weather: str

    @property
    def boxes(self) -> int:
        """Number of boxes listed."""
        return sum(len(frame.ids) for frame in self.frames)


def make_truth(
    name: str,
    frames: Sequence[FrameTruth],
    size: tuple[int, int],
    *,
    stable: bool,
    weather: str,
) -> SceneTruth:
    """Decides which vehicles are listed.

    If the camera is stationary, far vehicles whose boxes are thinner than 10 pixels lie in ignored
    regions. A moving camera has no fixed regions, so these vehicles are listed.

    Args:
        name: Name of the scene.
        frames: One for each image, with every visible vehicle.
        size: Width and height of the images.
        stable: Whether the camera is stationary.
        weather: Weather in UA-DETRAC's terms.
    """
    if not stable:
        return SceneTruth(name, tuple(frames), np.empty((0, 4)), stable, weather)
    far = np.concatenate([frame.boxes[frame.small] for frame in frames])
    ignored = _enclose(far, size)
    listed = tuple(frame.take(~half_inside(frame.boxes, ignored)) for frame in frames)
    return SceneTruth(name, listed, ignored, stable, weather)


def _enclose(boxes: Float32Array, size: tuple[int, int]) -> Float64Array:
    """Returns ``(R, 4)`` rectangles that do not touch and contain all ``boxes`` ``(N, 4)``."""
    limits = np.array([*size, *size])
    grown = boxes + np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])
    rectangles = np.round(grown).clip(0, limits).astype(np.int64)
    while True:
        canvas = np.zeros((size[1], size[0]), np.uint8)
        for left, top, right, bottom in rectangles.tolist():
            canvas[top:bottom, left:right] = 1
        stats = cv2.connectedComponentsWithStats(canvas)[2][1:, :4]
        merged = np.concatenate([stats[:, :2], stats[:, :2] + stats[:, 2:]], axis=1)
        if len(merged) == len(rectangles):
            return np.asarray(merged, np.float64).reshape(-1, 4)
        rectangles = merged.astype(np.int64)
