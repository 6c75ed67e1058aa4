"""Random crops of annotated images: scale, position, flip, colour, blur, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import Float32Array, Int64Array, UInt8Array
from tools.datasets.box_mask import box_mask
from tools.training.config import AugmentationConfig
from trackers.boxes import areas, shorter_sides

MIN_SHARE = 1 / 3
"""A box with a smaller fraction inside the crop is ignored: neither vehicle nor background."""

MIN_SIDE = 3.0  # pixels of the crop; thinner boxes are ignored
AROUND_A_BOX = 2 / 3  # fraction of crops placed around a box
MAX_SIDE = 1.4  # of the crop; a box to crop around is shrunk to this multiple


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """An image with its annotation in the network's classes.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` float32 ltrb in pixels.
        classes: ``(N,)`` int64 class of the network.
        ignored: ``(K, 4)`` float32 ltrb, regions that give no loss.
        mask: ``(H, W)`` uint8, 255 where something moves; None if unknown.
    """

    image: UInt8Array
    boxes: Float32Array
    classes: Int64Array
    ignored: Float32Array
    mask: UInt8Array | None = None

    def known_mask(self) -> UInt8Array:
        """Returns ``mask`` or, if unknown, a mask of the boxes, also ``(H, W)`` uint8."""
        if self.mask is None:
            return box_mask(self.boxes, *self.image.shape[:2])
        return self.mask


def random_crop(
    annotated: AnnotatedImage,
    size: tuple[int, int],
    scale_range: tuple[float, float],
    rng: np.random.Generator,
    flip: float = 0.5,
) -> AnnotatedImage:
    """Makes a crop of ``size`` (width, height) with random scale, position and mirroring.

    Boxes are clipped to the crop. Two out of three crops are placed around a box, which is shrunk
    if it would not fit.
    """
    height, width = annotated.image.shape[:2]
    low, high = np.log(scale_range[0]), np.log(scale_range[1])
    scale = float(np.exp(rng.uniform(low, high)))
    aspect = float(np.exp(rng.normal(0.0, 0.06)))
    whole = np.array(size)
    chosen = None
    if len(annotated.boxes) and rng.random() < AROUND_A_BOX:
        chosen = annotated.boxes[rng.integers(len(annotated.boxes))]
        longest = ((chosen[2:] - chosen[:2]) / whole).max()
        scale = min(scale, MAX_SIDE / float(longest))
    # The window of the image that becomes the crop, in whole pixels of the image.
    window = np.maximum(np.round(whole / scale * [1 / aspect, aspect]), 1).astype(int)
    if chosen is None:
        center = rng.uniform(0, (width, height))
    else:
        center = (chosen[:2] + chosen[2:]) / 2 + rng.uniform(-0.45, 0.45, 2) * window
    free = np.array([width, height]) - window
    start = np.clip(center - window / 2, np.minimum(free, 0), np.maximum(free, 0)).astype(int)
    mirrored = bool(rng.random() < flip)

    def to_crop(boxes: Float32Array) -> Float32Array:
        moved = (boxes - np.tile(start, 2)) * np.tile(whole / window, 2)
        if mirrored:
            moved[:, [0, 2]] = whole[0] - moved[:, [2, 0]]
        return moved.astype(np.float32)

    def cut_out(pixels: UInt8Array) -> UInt8Array:
        part = _window(pixels, start, window, whole)
        return np.ascontiguousarray(part[:, ::-1]) if mirrored else part

    boxes, classes, ignored = _cut(
        to_crop(annotated.boxes), annotated.classes, to_crop(annotated.ignored), whole
    )
    mask = None if annotated.mask is None else cut_out(annotated.mask)
    return AnnotatedImage(cut_out(annotated.image), boxes, classes, ignored, mask)


def mosaic(crops: list[AnnotatedImage], corner: tuple[int, int], side: int) -> AnnotatedImage:
    """Joins four crops, row by row, into a square of ``side``; they meet at ``corner`` (x, y)."""
    x, y = corner
    image = np.empty((side, side, 3), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    known = any(crop.mask is not None for crop in crops)
    boxes, classes, ignored = [], [], []
    for crop, (left, top) in zip(crops, ((0, 0), (x, 0), (0, y), (x, y)), strict=True):
        height, width = crop.image.shape[:2]
        area = np.s_[top : top + height, left : left + width]
        image[area] = crop.image
        mask[area] = crop.known_mask()
        shift = np.array([left, top, left, top], np.float32)
        boxes.append(crop.boxes + shift)
        classes.append(crop.classes)
        ignored.append(crop.ignored + shift)
    return AnnotatedImage(
        image,
        np.concatenate(boxes),
        np.concatenate(classes),
        np.concatenate(ignored),
        mask if known else None,
    )


def _window(
    pixels: UInt8Array, start: np.ndarray, window: np.ndarray, size: np.ndarray
) -> UInt8Array:
    """Returns a window resized to ``size`` (width, height), black outside the image."""
    left, top = np.maximum(-start, 0)
    right, bottom = np.maximum(start + window - (pixels.shape[1], pixels.shape[0]), 0)
    (x, y), (end_x, end_y) = np.maximum(start, 0), start + window
    part = pixels[y:end_y, x:end_x]
    # The border is added before resizing, so that the image ends exactly where its boxes do.
    padded = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT)
    # As in the detector: averaged when shrinking.
    interpolation = cv2.INTER_AREA if (size < window).any() else cv2.INTER_LINEAR
    resized = cv2.resize(padded, (int(size[0]), int(size[1])), interpolation=interpolation)
    return np.asarray(resized, np.uint8)


def _cut(
    boxes: Float32Array, classes: Int64Array, ignored: Float32Array, size: np.ndarray
) -> tuple[Float32Array, Int64Array, Float32Array]:
    """Clips to the border; a box with too little inside becomes an ignored region."""
    limits = np.tile(size, 2).astype(np.float32)
    cut = boxes.clip(0, limits)
    inside = shorter_sides(cut) > 0
    keep = (shorter_sides(cut) >= MIN_SIDE) & (areas(cut) >= areas(boxes) * MIN_SHARE)
    regions = ignored.clip(0, limits)
    regions = regions[shorter_sides(regions) > 0]
    return cut[keep], classes[keep], np.concatenate((regions, cut[inside & ~keep]))


def recolor(image: UInt8Array, config: AugmentationConfig, rng: np.random.Generator) -> UInt8Array:
    """Changes brightness, contrast and colour, and sometimes blurs, adds noise or compresses.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        config: Strength of the changes.
        rng: Source of randomness.
    """
    strength = config.colour
    gain = np.exp(rng.normal(0, 0.25 * strength)) * np.exp(rng.normal(0, 0.06 * strength, 3))
    shift = rng.normal(0, 14 * strength)
    gamma = np.exp(rng.normal(0, 0.22 * strength))
    ramp = (np.arange(256)[:, None] / 255) ** gamma * 255
    table = np.clip(ramp * gain + shift, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]), np.uint8)
    if rng.random() < 0.4 * strength:
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        saturation = rng.uniform(0, 1.6)
        image = np.asarray(cv2.addWeighted(image, saturation, gray, 1 - saturation, 0), np.uint8)
    if rng.random() < 0.2 * config.quality:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    if rng.random() < 0.2 * config.quality:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 12))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25 * config.quality:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 1), np.uint8)
    return image
