"""Pastes vehicles cut out of other images: one camera's cars on another camera's roads.

This is "Cut, Paste and Learn" (Dwibedi et al., arXiv 1708.01642) for box annotations: GrabCut
segments the vehicle inside its box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.records import Float32Array, UInt8Array
from tools.training.class_map import Objects
from tools.training.crops import AnnotatedImage
from trackers.boxes import areas, intersection_areas, overlaps_of_smaller, shorter_sides

BACKGROUND = -1
"""Class of pasted objects that are learnt as background, such as bikes."""

MIN_SIDE = 14  # pixels; GrabCut does not find the outline of smaller objects
MAX_OVERLAP = 0.15  # with another object, as a fraction of the smaller; above this, not cut out
MAX_COVERED = 0.5  # fraction of an existing box that a pasted object may cover
MAX_CUT = 96  # pixels of the longer side of the image that GrabCut segments
MARGIN = 0.2  # fraction of the box on each side that is known to be background
PLAUSIBLE_SHARE = (0.35, 0.97)  # fraction of its box that a vehicle fills; else GrabCut failed
MAX_SCALE = 1.5  # larger would be blurred
MIN_OUTLINE = 3  # minimum side of a box for GrabCut, in pixels
TRIES = 6  # positions tried per object


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """An object cut out of its surroundings.

    Attributes:
        pixels: ``(H, W, 3)`` uint8 BGR, the content of its box.
        alpha: ``(H, W)`` float32 in [0, 1], 1 inside the object.
        class_number: Class of the network, or ``BACKGROUND``.
        brightness: Mean of its source image, 0 to 255.
    """

    pixels: UInt8Array
    alpha: Float32Array
    class_number: int
    brightness: float


def cut_out_some(
    image: UInt8Array, objects: Objects, count: int, rng: np.random.Generator
) -> list[CutOut]:
    """Cuts out up to ``count`` objects that are complete and unoccluded."""
    height, width = image.shape[:2]
    boxes = objects.boxes
    overlaps = overlaps_of_smaller(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    inside = (boxes[:, :2].min(axis=1, initial=np.inf) >= 2) & (
        (boxes[:, 2:] <= (width - 2, height - 2)).all(axis=1)
    )
    large = shorter_sides(boxes) >= MIN_SIDE
    isolated = overlaps.max(axis=1, initial=0) < MAX_OVERLAP
    usable = np.flatnonzero(inside & large & isolated & ~objects.hidden)
    chosen = rng.permutation(usable)[:count]
    brightness = float(image.mean())
    return [
        CutOut(*_outline(image, boxes[index], rng), int(objects.classes[index]), brightness)
        for index in chosen
    ]


def _outline(
    image: UInt8Array, box: Float32Array, rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array]:
    """Returns the pixels of the box and the alpha mask of the object."""
    left, top, right, bottom = np.round(box).astype(int)
    pixels = image[top:bottom, left:right]
    height, width = pixels.shape[:2]
    x, y = int(np.ceil(width * MARGIN)), int(np.ceil(height * MARGIN))
    start = max(0, top - y), max(0, left - x)
    around = image[start[0] : bottom + y, start[1] : right + x]
    scale = min(1.0, MAX_CUT / max(around.shape[:2]))
    small = cv2.resize(around, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = (np.array([left - start[1], top - start[0], width, height]) * scale).astype(int)
    if inner[2:].min() < MIN_OUTLINE:
        return pixels, _rounded(width, height)
    mask = np.zeros(small.shape[:2], np.uint8)
    cv2.setRNGSeed(int(rng.integers(1 << 31)))
    model = np.zeros((1, 65))
    cv2.grabCut(small, mask, inner.tolist(), model, model.copy(), 3, cv2.GC_INIT_WITH_RECT)
    found = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.float32)
    x, y, inner_width, inner_height = inner
    alpha = found[y : y + inner_height, x : x + inner_width]
    if not PLAUSIBLE_SHARE[0] <= alpha.mean() <= PLAUSIBLE_SHARE[1]:
        alpha = _rounded(inner_width, inner_height)
    alpha = cv2.GaussianBlur(cv2.resize(alpha, (width, height)), (0, 0), 0.7)
    return pixels, np.asarray(alpha, np.float32)


def _rounded(width: int, height: int) -> Float32Array:
    """Returns an alpha mask of a box with rounded corners."""
    x = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None]
    y = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None]
    return (x**4 + y**4 <= 1).astype(np.float32)


def paste(crop: AnnotatedImage, cut_outs: list[CutOut], rng: np.random.Generator) -> AnnotatedImage:
    """Pastes objects, each with about the size and vertical position of a vehicle in the crop.

    No object covers more than half of an existing box.
    """
    image = crop.image.copy()
    mask = None if crop.mask is None else crop.mask.copy()
    boxes, classes = crop.boxes, crop.classes
    for cut in cut_outs:
        box = _free_box(crop, boxes, cut, rng)
        if box is None:
            continue
        left, top, right, bottom = box
        size = (right - left, bottom - top)
        shrinks = size[0] < cut.alpha.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(cut.pixels, size, interpolation=interpolation)
        alpha = cv2.resize(cut.alpha, size, interpolation=interpolation)
        gain = ((crop.image.mean() + 1) / (cut.brightness + 1)) ** rng.uniform(0.3, 1.0)
        if rng.random() < 0.5:
            pixels, alpha = pixels[:, ::-1], alpha[:, ::-1]
        area = np.s_[top:bottom, left:right]
        lit = np.minimum(pixels * np.float32(gain), 255)
        image[area] = (image[area] + alpha[..., None] * (lit - image[area])).astype(np.uint8)
        vehicle = cut.class_number != BACKGROUND
        if mask is not None:
            mask[area][alpha > 0.5] = 255 if vehicle else 0
        if vehicle:
            boxes = np.concatenate((boxes, np.array([box], np.float32)))
            classes = np.append(classes, cut.class_number)
    return AnnotatedImage(image, boxes, classes, crop.ignored, mask)


def _free_box(
    crop: AnnotatedImage, boxes: Float32Array, cut: CutOut, rng: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Returns a box in whole pixels inside the crop; None if no try found room."""
    height, width = crop.image.shape[:2]
    for _ in range(TRIES):
        if len(crop.boxes):
            beside = crop.boxes[rng.integers(len(crop.boxes))]
            side = np.sqrt((beside[2:] - beside[:2]).prod()) * np.exp(rng.normal(0, 0.3))
            y = (beside[1] + beside[3]) / 2 + rng.normal(0, 0.5) * side
        else:
            side = np.exp(rng.uniform(np.log(12), np.log(height / 3)))
            y = rng.uniform(0, height)
        if cut.class_number == BACKGROUND:
            side *= 0.6  # a bike next to a car
        scale = min(side / np.sqrt(cut.alpha.size), MAX_SCALE)
        w, h = (max(4, round(float(n * scale))) for n in (cut.alpha.shape[1], cut.alpha.shape[0]))
        x = rng.uniform(0, width)
        left, top = int(x - w / 2), int(y - h / 2)
        box = np.array([[left, top, left + w, top + h]], np.float32)
        fits = left >= 0 and top >= 0 and left + w <= width and top + h <= height
        if fits and (_covered(boxes, box[0]) <= MAX_COVERED).all():
            return left, top, left + w, top + h
    return None


def _covered(boxes: Float32Array, by: Float32Array) -> Float32Array:
    """Returns the ``(N,)`` fraction of each box inside ``by``."""
    return intersection_areas(boxes, by) / areas(boxes).clip(min=1e-6)
