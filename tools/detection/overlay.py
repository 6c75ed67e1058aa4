"""Images with their detections drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from stages.errors import ConfigError
from stages.records import Detections, UInt8Array
from stages.sink.glyphs import GlyphAtlas, fitting_cap_height
from stages.sink.labels import LabelLayout
from tools.datasets.contact_sheet import CLASS_COLORS
from tools.image_writing import check_image_name, write_image

LIKELY = 0.3
"""Score below which most detections are false; these are not drawn."""


class DetectionOverlays:
    """A folder of images in which likely detections are outlined.

    Each class has a colour; each box is labelled with its score and, if there are several classes,
    with its class.

    Args:
        folder: Where each image goes, under its own name; an earlier one is replaced.
        images: All images that will be drawn on.
        class_names: Names of the classes that ``Detections.classes`` indexes.

    Raises:
        ConfigError: An input image would be replaced, or its format cannot be written.
    """

    def __init__(self, folder: Path, images: Sequence[Path], class_names: Sequence[str]) -> None:
        originals = {image.resolve() for image in images}
        for image in images:
            check_image_name(folder / image.name)
            if (folder / image.name).resolve() in originals:
                raise ConfigError(
                    f"overlay {folder / image.name} is an input; choose another folder"
                )
        self._folder = folder
        self._class_names = class_names

    def write(self, path: Path, image: UInt8Array, found: Detections) -> None:
        """Writes a copy of an image with its detections.

        Args:
            path: The image's file.
            image: Its pixels, ``(H, W, 3)`` BGR.
            found: Its detections.

        Raises:
            OutputError: The file system refuses.
        """
        picture = image.copy()
        height, width = image.shape[:2]
        thickness = max(1, round(min(height, width) / 300))
        atlas = GlyphAtlas(fitting_cap_height(height, width))
        order = np.argsort(found.scores, kind="stable")  # the best last, on top
        likely = order[found.scores[order] >= LIKELY]
        limits = np.array([width, height, width, height]) + thickness
        outlines = np.rint(found.boxes[likely].clip(-thickness, limits)).astype(np.int64)
        classes = found.classes[likely].tolist()
        colors = [CLASS_COLORS[index % len(CLASS_COLORS)] for index in classes]
        for (left, top, right, bottom), color in zip(outlines.tolist(), colors, strict=True):
            cv2.rectangle(picture, (left, top), (right, bottom), color, thickness)
        texts = [
            f" {self._name(index)}{score:.2f} "
            for index, score in zip(classes, found.scores[likely].tolist(), strict=True)
        ]
        masks = [atlas.mask(text).full for text in texts]
        sizes = np.array([mask.shape[::-1] for mask in masks], np.int64).reshape(-1, 2)
        if not (sizes > (width, height)).any():  # else the image is too small for labels
            places = LabelLayout(height, width).place(range(len(masks)), outlines, sizes)
            for (left, top), mask, color in zip(places, masks, colors, strict=True):
                _draw_label(picture, left, top, mask, color)
        write_image(self._folder / path.name, picture)

    def _name(self, class_index: int) -> str:
        return f"{self._class_names[class_index]} " if len(self._class_names) > 1 else ""


def _draw_label(
    picture: UInt8Array, left: int, top: int, mask: UInt8Array, color: tuple[int, int, int]
) -> None:
    """Draws black text, by its coverage ``mask`` ``(h, w)``, on a background of ``color``."""
    height, width = mask.shape
    background = np.array(color) * (1 - mask[..., None] / 255)
    picture[top : top + height, left : left + width] = np.rint(background).astype(np.uint8)
