"""Random crops of a sample: scale, place, flip, colour, blur, noise, compression."""

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
    # The window of the image that becomes the crop, in whole pixels of the image.
    size = np.array([round(side / scale / aspect), round(side / scale * aspect)])
    if len(sample.boxes) and rng.random() < 2 / 3:
        box = sample.boxes[rng.integers(len(sample.boxes))]
        centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.45, 0.45, 2) * size
    else:
        centre = rng.uniform(0, (width, height))
    free = np.array([width, height]) - size
    start = np.clip(centre - size / 2, np.minimum(free, 0), np.maximum(free, 0)).astype(int)
    image = _window(sample.image, start, size, side)
    boxes = (sample.boxes - np.tile(start, 2)) * np.tile(side / size, 2)
    if rng.random() < 0.5:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
    return _colour(np.ascontiguousarray(image), rng), _cut(boxes.astype(np.float32), side)


def _window(image: UInt8Array, start: np.ndarray, size: np.ndarray, side: int) -> UInt8Array:
    """``(side, side, 3)``: a window of the image, black outside it, resized."""
    stop = np.minimum(start + size, (image.shape[1], image.shape[0]))
    inside = np.maximum(start, 0)
    part = image[inside[1] : stop[1], inside[0] : stop[0]]
    scale = side / size
    left, top = np.round((inside - start) * scale).astype(int)
    right, bottom = np.round((stop - start) * scale).astype(int)
    # As the detector resizes: averaged where it shrinks.
    interpolation = cv2.INTER_AREA if scale.min() < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[top:bottom, left:right] = cv2.resize(
        part, (right - left, bottom - top), interpolation=interpolation
    )
    return canvas


def _cut(boxes: Float32Array, side: int) -> Float32Array:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    cut = boxes.clip(0, side)
    size = cut[:, 2:] - cut[:, :2]
    keep = (size.min(axis=1, initial=np.inf) >= 3) & (size.prod(axis=1) >= area / 3)
    return cut[keep]


def _colour(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    gain = np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    shift = rng.normal(0, 14)
    gamma = np.exp(rng.normal(0, 0.22))
    ramp = (np.arange(256)[:, None] / 255) ** gamma * 255
    table = np.clip(ramp * gain + shift, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.4:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        colour = rng.uniform(0, 1.6)
        image = np.asarray(cv2.addWeighted(image, colour, grey, 1 - colour, 0), np.uint8)
    if rng.random() < 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    if rng.random() < 0.2:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 12))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 1), np.uint8)
    return image
