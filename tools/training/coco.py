"""Images and boxes of a COCO json, decoded once and kept in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass

import cv2
import numpy as np

from stages.errors import ConfigError
from stages.records import Float32Array, UInt8Array
from tools.training.config import DataSetConfig


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image: ``image (H, W, 3)`` uint8 BGR, ``boxes (N, 4)`` ltrb float32 of vehicles."""

    name: str
    scene: str
    data_set: str
    image: UInt8Array
    boxes: Float32Array


def load_samples(config: DataSetConfig) -> list[Sample]:
    """Every readable image of the data set, resized by ``config.scale``.

    Raises:
        ConfigError: There is no ``annotations.json``, or an annotation names a missing image.
    """
    file = config.path / "annotations.json"
    if not file.is_file():
        raise ConfigError(f"no {file}; a data set is a folder with annotations.json and images/")
    content = json.loads(file.read_text())
    background = {c["id"] for c in content["categories"] if c["name"] in config.background}
    boxes: dict[int, list[list[float]]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        left, top, width, height = annotation["bbox"]
        if annotation["category_id"] not in background and width > 0 and height > 0:
            boxes[annotation["image_id"]].append([left, top, left + width, top + height])
    samples = []
    for entry in content["images"]:
        path = config.path / "images" / entry["file_name"]
        image = cv2.imread(str(path))
        if image is None:
            raise ConfigError(f"cannot read image {path}, named in {file}")
        if config.scale != 1.0:
            image = cv2.resize(
                image, None, fx=config.scale, fy=config.scale, interpolation=cv2.INTER_AREA
            )
        found = np.array(boxes[entry["id"]], np.float32).reshape(-1, 4) * np.float32(config.scale)
        samples.append(
            Sample(
                entry["file_name"],
                entry.get("scene", ""),
                config.path.name,
                np.asarray(image, np.uint8),
                found,
            )
        )
    return samples
