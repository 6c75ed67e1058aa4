"""``spotstream detect``: images to a COCO results list."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.config import load_config
from pipeline.detector_worker import build_detector
from stages.decoder.image_folder import image_files
from stages.errors import SourceError
from stages.records import Frame, FrameHeader, PixelFormat


def detect_images(
    paths: list[Path], config_path: Path | None, overrides: list[str]
) -> list[dict[str, Any]]:
    """Detections of every image: ``file_name``, ``bbox`` ltwh in pixels, ``score``, ``category``.

    Raises:
        SourceError: A path does not exist, or an image cannot be read.
    """
    detector = build_detector(load_config(config_path, overrides).detector)
    results: list[dict[str, Any]] = []
    for path in (image for given in paths for image in _images(given)):
        image = cv2.imread(str(path))
        if image is None:
            raise SourceError(f"cannot read image {path}")
        header = FrameHeader(
            path.stem, 0, 0, 0, 0, Fraction(1), 0, image.shape[0], image.shape[1], PixelFormat.BGR24
        )
        found = detector.detect([Frame(header, np.asarray(image, np.uint8))])[0]
        for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
            left, top, right, bottom = (float(side) for side in box)
            results.append(
                {
                    "file_name": path.name,
                    "bbox": [round(v, 2) for v in (left, top, right - left, bottom - top)],
                    "score": round(float(score), 5),
                    "category": detector.class_names[label],
                }
            )
    return results


def _images(path: Path) -> list[Path]:
    if not path.exists():
        raise SourceError(f"no such image or folder: {path}")
    if not path.is_dir():
        return [path]
    found = image_files(path)
    if not found:
        raise SourceError(f"{path} holds no images")
    return found
