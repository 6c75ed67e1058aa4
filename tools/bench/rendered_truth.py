"""Rendered sequences with pixel-exact masks as ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from stages.records import Float32Array, UInt8Array
from stages.scene import Scene, SceneConfig

SIZE = (960, 540)
JPEG_QUALITY = 90
SEED = 3


@dataclass(frozen=True, slots=True, eq=False)
class TrueSequence:
    """Frames as in a data set, with their ground truth.

    Attributes:
        images: ``(H, W, 3)`` uint8 BGR, after JPEG compression.
        boxes: ``(N, 4)`` float32 ltrb for each frame.
        masks: ``(H, W)`` uint8 for each frame, 255 where a box shows a vehicle.
    """

    images: list[UInt8Array]
    boxes: list[Float32Array]
    masks: list[UInt8Array]


def render_truth(view: str, light: str, seconds: float, rate: int) -> TrueSequence:
    """Renders a sequence of ``rate`` frames per second."""
    width, height = SIZE
    config = SceneConfig(
        seed=SEED,
        width=width,
        height=height,
        frames=round(seconds * rate),
        frame_rate=Fraction(rate),
        view=view,
        light=light,
    )
    scene = Scene(config)
    images, boxes, masks = [], [], []
    for index in range(config.frames):
        details = scene.render_details(index)
        coded = cv2.imencode(".jpg", details.frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        images.append(np.asarray(cv2.imdecode(coded[1], cv2.IMREAD_COLOR), np.uint8))
        boxes.append(details.frame.boxes[details.listed])
        masks.append(details.mask)
    return TrueSequence(images, boxes, masks)
