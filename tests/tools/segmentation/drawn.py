"""Small drawn sequences: a square moves over textured ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.tools.annotations.detrac_file import annotation, frame, target

WIDTH, HEIGHT, SIDE = 192, 128, 28


@dataclass
class Drawn:
    """Frames ``(H, W, 3)``, boxes ``(N, 4)`` ltrb and true masks ``(H, W)`` bool of a sequence."""

    images: list[np.ndarray]
    boxes: list[np.ndarray]
    masks: list[np.ndarray]


def ground(height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(1).normal(0, 1, (height, width))
    coarse = cv2.GaussianBlur(noise, (0, 0), 2.5)
    gray = 120 + 30 * coarse / coarse.std()
    return np.repeat(gray.clip(0, 255)[..., None], 3, axis=2).astype(np.uint8)


def draw(frames, *, pan=0.0, speed=6.0, standing=False, margin=4):
    """Draws a bright textured square that moves right and one that stands; the camera may pan."""
    rng = np.random.default_rng(2)
    wide = ground(width=WIDTH + int(abs(pan) * frames) + 8)
    texture = (200 + rng.normal(0, 25, (SIDE, SIDE, 1)) * [1, 1, 1]).clip(0, 255)
    texture = cv2.GaussianBlur(texture.astype(np.uint8), (5, 5), 0)
    drawn = Drawn([], [], [])
    for index in range(frames):
        shift = round(pan * index)
        image = wide[:, shift : shift + WIDTH].copy()
        mask = np.zeros((HEIGHT, WIDTH), bool)
        corners = [(12 + round(speed * index) - shift, 20)]
        if standing:
            corners.append((110 - shift, 84))
        boxes = []
        for left, top in corners:
            left %= WIDTH - SIDE
            image[top : top + SIDE, left : left + SIDE] = texture
            mask[top : top + SIDE, left : left + SIDE] = True
            boxes.append([left - margin, top - margin, left + SIDE + margin, top + SIDE + margin])
        noisy = image + rng.normal(0, 1.5, image.shape)
        drawn.images.append(noisy.clip(0, 255).astype(np.uint8))
        drawn.boxes.append(np.array(boxes, np.float32).clip(0, [WIDTH, HEIGHT] * 2))
        drawn.masks.append(mask)
    return drawn


def iou(mask, truth):
    found = np.asarray(mask) > 0
    return (found & truth).sum() / (found | truth).sum()


def write_detrac(root: Path, name: str, drawn: Drawn) -> None:
    """Writes UA-DETRAC's layout: ``images/NAME/img00001.jpg`` and ``annotations/NAME.xml``."""
    folder = root / "images" / name
    folder.mkdir(parents=True)
    frames = []
    for number, (image, boxes) in enumerate(zip(drawn.images, drawn.boxes, strict=True), start=1):
        cv2.imwrite(str(folder / f"img{number:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        targets = (
            target(identity, left + 1, top + 1, right - left, bottom - top)
            for identity, (left, top, right, bottom) in enumerate(boxes, start=1)
        )
        frames.append(frame(number, *targets))
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / f"{name}.xml").write_text(annotation("".join(frames), name))
