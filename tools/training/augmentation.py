"""Random crops of a sample: scale, place, flip, colour."""

from __future__ import annotations

import cv2
import numpy as np

from stages.records import Float32Array, UInt8Array
from tools.training.coco import Sample


def random_crop(
    sample: Sample, side: int, scale_range: tuple[float, float], rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array]:
    """A ``(side, side, 3)`` BGR crop and its boxes ltrb, cut at the crop's border.

    Two crops of three are placed around a vehicle. A box of which less than a third is left
    disappears.
    """
    height, width = sample.image.shape[:2]
    low, high = np.log(scale_range[0]), np.log(scale_range[1])
    scale = float(np.exp(rng.uniform(low, high)))
    aspect = float(np.exp(rng.normal(0.0, 0.06)))
    scale_x, scale_y = scale * aspect, scale / aspect
    if len(sample.boxes) and rng.random() < 2 / 3:
        box = sample.boxes[rng.integers(len(sample.boxes))]
        centre_x = (box[0] + box[2]) / 2 * scale_x + rng.uniform(-0.45, 0.45) * side
        centre_y = (box[1] + box[3]) / 2 * scale_y + rng.uniform(-0.45, 0.45) * side
    else:
        centre_x, centre_y = rng.uniform(0, width * scale_x), rng.uniform(0, height * scale_y)
    left = _clamp(centre_x - side / 2, width * scale_x - side)
    top = _clamp(centre_y - side / 2, height * scale_y - side)
    flip = rng.random() < 0.5
    matrix = np.array([[scale_x, 0, -left], [0, scale_y, -top]], np.float64)
    if flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += side - 1
    image = cv2.warpAffine(
        sample.image,
        matrix,
        (side, side),
        flags=cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR,
    )
    boxes = sample.boxes * np.array([scale_x, scale_y] * 2, np.float32)
    boxes -= np.array([left, top] * 2, np.float32)
    if flip:
        boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
    return _colour(np.asarray(image, np.uint8), rng), _cut(boxes, side)


def _clamp(start: float, free: float) -> float:
    """A start in ``[0, free]``, or within the free room where the image is smaller."""
    return float(min(max(start, min(0.0, free)), max(0.0, free)))


def _cut(boxes: Float32Array, side: int) -> Float32Array:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    cut = boxes.clip(0, side)
    size = cut[:, 2:] - cut[:, :2]
    keep = (size.min(axis=1, initial=np.inf) >= 3) & (size.prod(axis=1) >= area / 3)
    return cut[keep]


def _colour(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.06, 3))
    shift = rng.normal(0, 14)
    gamma = np.exp(rng.normal(0, 0.18))
    ramp = (np.arange(256)[:, None] / 255) ** gamma * 255
    table = np.clip(ramp * gain + shift, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.1:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if rng.random() < 0.15:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    return image
