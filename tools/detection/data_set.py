"""Detections of images as a COCO data set, to correct by hand and train on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.records import Detections, UInt8Array
from tools.annotations.coco_ids import Id
from tools.datasets.boxes import cut_boxes


class DetectedDataSet:
    """A COCO data set of likely detections.

    Boxes are cut at the border of their image, as annotated ones are; a box of which less than a
    pixel is left has no annotation.

    Args:
        path: The JSON file that it is for. Images in its folder or below are named relative to
            it, others by their bare names.
        class_names: Names of the classes that ``Detections.classes`` indexes.
        min_score: Score below which detections are left out.
        ids: Ids of images and classes by name, as `coco_ids` returns them; None: both count from 1.

    Attributes:
        images: COCO's entries of the images added so far.
        annotations: COCO's entries of their boxes.
    """

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        min_score: float,
        ids: tuple[Mapping[str, Id], Mapping[str, Id]] | None = None,
    ) -> None:
        self._folder = _absolute(path.parent)
        self._class_names = tuple(class_names)
        self._min_score = min_score
        self._image_ids = ids and ids[0]
        given = ids[1] if ids else {}
        self._category_ids = {
            name: given.get(name, number) for number, name in enumerate(class_names, 1)
        }
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, path: Path, image: UInt8Array, found: Detections) -> None:
        """Adds an image and its likely detections.

        Args:
            path: The image's file.
            image: Its pixels, ``(H, W, 3)``.
            found: Its detections.
        """
        height, width = image.shape[:2]
        image_id = self._image_ids[path.name] if self._image_ids else len(self.images) + 1
        name = self._name(path)
        self.images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        cut = cut_boxes(found.boxes, np.zeros(len(found.boxes)), width, height)
        for row in np.flatnonzero(cut.usable & (found.scores >= self._min_score)):
            left, top, right, bottom = (round(float(side), 2) for side in cut.boxes[row])
            box = [left, top, round(right - left, 2), round(bottom - top, 2)]
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": image_id,
                    "category_id": self._category_ids[self._class_names[found.classes[row]]],
                    "segmentation": [],  # which CVAT's import needs
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": round(float(found.scores[row]), 5),
                }
            )

    def content(self) -> dict[str, Any]:
        """Returns the content of the JSON file."""
        categories = [{"id": number, "name": name} for name, number in self._category_ids.items()]
        return {
            "images": self.images,
            "annotations": self.annotations,
            "categories": categories,
        }

    def _name(self, path: Path) -> str:
        image = _absolute(path)
        inside = image.is_relative_to(self._folder)
        return image.relative_to(self._folder).as_posix() if inside else path.name


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (links keep their names)
