"""Average precision of detections in single images, computed by pycocotools."""

from __future__ import annotations

import contextlib
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.errors import ConfigError
from stages.extras import require
from tools.annotations.coco_json import check_entry, ids_by_name, read_annotations, read_json

SIZES = ("small", "medium", "large")  # split at 32² and 96² pixels
AP70 = 4  # index of IoU 0.7 in 0.5, 0.55, … 0.95
MAX_DETECTIONS = 100  # counted per class and image, as in COCO


@dataclass(frozen=True, slots=True)
class CocoScore:
    """Scores of a COCO results file.

    Attributes:
        scores: AP (mean over IoU 0.5 to 0.95), AP50, AP70, and AP of small, medium and large
            objects; NaN if there is no true box.
        why_as_one: Why all classes were treated as one; "" if they were not.
        images: Number of images with a true box of the scored classes.
        undetected: Number of these in which nothing was detected.
        overfull: Number of images with more than `MAX_DETECTIONS` of a scored class; those with
            the lowest scores do not count.
        ignored: Number of boxes with ``ignore`` and without ``iscrowd``, which count as crowds.
    """

    scores: dict[str, float]
    why_as_one: str
    images: int
    undetected: int
    overfull: int
    ignored: int


def score_coco(truth_path: Path, detections_path: Path, classes: Sequence[str] = ()) -> CocoScore:
    """Scores the detections of a COCO results file.

    Images are identified by ``image_id`` or ``file_name``, classes by ``category_id`` or
    ``category``, and scores are averaged over classes, as in COCO. If no detection has a
    ``category_id`` and some have no ``category`` known to the annotation file, all classes are
    treated as one; detections whose ``category`` is known but not scored are left out. A key that
    is null counts as absent.

    Args:
        truth_path: COCO annotation file.
        detections_path: COCO results file.
        classes: Names of the categories to score; () for all.

    Raises:
        ConfigError: pycocotools is not installed, or a file is malformed, or only some detections
            have a class; the message says where.
    """
    require("pycocotools", "evaluate", "evaluate coco")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    content, categories = _truth(truth_path, classes)
    detections, why = _detections(detections_path, truth_path, content["images"], categories)
    images = {each["image_id"] for each in content["annotations"] if not each["iscrowd"]}
    ignored = sum(each["ignore"] for each in content["annotations"])
    undetected = images - {each["image_id"] for each in detections}
    if why:
        scored = {category["id"] for category in content["categories"]}
        # Detections whose category is known not to be scored are left out.
        detections = [each for each in detections if each["category_id"] in (None, *scored)]
        for detection in detections:
            detection["category_id"] = content["categories"][0]["id"]
    # pycocotools sorts ids, which may mix strings and numbers; of equal scores, the first count.
    for part, key in (("images", "image_id"), ("categories", "category_id")):
        ids = sorted((entry["id"] for entry in content[part]), key=_by_kind)
        number = {each: index for index, each in enumerate(ids, 1)}
        content[part] = [{**entry, "id": number[entry["id"]]} for entry in content[part]]
        detections = [each for each in detections if each[key] in number]
        for entry in (*content["annotations"], *detections):
            entry[key] = number[entry[key]]
    together = Counter((each["image_id"], each["category_id"]) for each in detections)
    overfull = {image for (image, _), count in together.items() if count > MAX_DETECTIONS}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections) if detections else COCO(), "bbox")
        evaluation.params.useCats = int(not why)
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, :, -1]  # IoU, recall, class, area
    scores = {
        "AP": _mean(precision[:, :, :, 0]),
        "AP50": _mean(precision[0, :, :, 0]),
        "AP70": _mean(precision[AP70, :, :, 0]),
        **{f"AP-{size}": _mean(precision[:, :, :, area]) for area, size in enumerate(SIZES, 1)},
    }
    return CocoScore(scores, why, len(images), len(undetected), len(overfull), ignored)


def _by_kind(entry_id: int | str) -> tuple[bool, int | str]:
    return isinstance(entry_id, str), entry_id


def _mean(precision: np.ndarray) -> float:
    known = precision[precision > -1]  # -1: the class has no true box of this size
    return float(known.mean()) if known.size else float("nan")


def _truth(path: Path, classes: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the content restricted to the scored classes, and the categories of all classes."""
    content = read_annotations(path)
    categories = content["categories"]
    names = {category["name"] for category in categories}
    known = {category["id"] for category in categories}
    for name in classes:
        if name not in names:
            raise ConfigError(f"{path}: no category {name!r}; there are {', '.join(sorted(names))}")
    if classes:
        content["categories"] = [c for c in categories if c["name"] in classes]
    kept = {category["id"] for category in content["categories"]}
    images = {image["id"] for image in content["images"]}
    annotations = []
    for index, annotation in enumerate(content["annotations"]):
        _check_box(path, f"annotations[{index}]", annotation.get("bbox"))
        if annotation.get("image_id") not in images:
            raise ConfigError(
                f"{path}: annotations[{index}]: no image {annotation.get('image_id')!r}"
            )
        if annotation.get("category_id") not in known:
            raise ConfigError(
                f"{path}: annotations[{index}]: no category {annotation.get('category_id')!r}"
            )
        if annotation["category_id"] in kept:
            width, height = annotation["bbox"][2:]
            entry = {"area": width * height, "iscrowd": 0, **annotation}
            # pycocotools overwrites "ignore" with "iscrowd".
            entry["ignore"] = int(annotation.get("ignore") == 1 and entry["iscrowd"] != 1)
            if entry["ignore"]:
                entry["iscrowd"] = 1
            # pycocotools reads id 0 as no match, and duplicate ids as one box.
            entry["id"] = index + 1
            if not _is_number(entry["area"]) or entry["iscrowd"] not in (0, 1):
                raise ConfigError(
                    f"{path}: annotations[{index}]: area must be a number and iscrowd 0 or 1, "
                    f"got {entry['area']!r} and {entry['iscrowd']!r}"
                )
            annotations.append(entry)
    content = {**content, "annotations": annotations, "info": content.get("info", {})}
    return content, categories


def _detections(
    path: Path,
    truth_path: Path,
    images: list[dict[str, Any]],
    categories: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], str]:
    """Returns the detections, and why classes cannot be distinguished, or ""."""
    content = read_json(path)
    if not isinstance(content, list):
        raise ConfigError(f"{path}: expected a list of detections")
    by_name = ids_by_name(images)
    known = {image["id"] for image in images}
    classes = {category["id"] for category in categories}
    named_classes = {category["name"]: category["id"] for category in categories}
    detections = []
    why = ""
    for index, detection in enumerate(content):
        place = f"[{index}]"
        check_entry(path, place, detection, ())
        _check_box(path, place, detection.get("bbox"))
        score = detection.get("score")
        if not _is_number(score):
            raise ConfigError(f"{path}: {place}: score must be a finite number, got {score!r}")
        category = detection.get("category_id")
        if category is not None and category not in classes:
            raise ConfigError(f"{path}: {place}: category {category!r} is not in {truth_path}")
        image, name = detection.get("image_id"), detection.get("file_name")
        named = by_name.get(name, []) if isinstance(name, str) else []
        if image is None and len(named) > 1:
            raise ConfigError(
                f"{truth_path}: {name!r} stands for images {named[0]!r}, {named[1]!r}"
            )
        found = next(iter(named), None) if image is None else image
        if found not in known:
            wanted = name if image is None else image
            raise ConfigError(f"{path}: {place}: image {wanted!r} is not in {truth_path}")
        if category is None:
            label = detection.get("category")
            category = named_classes.get(label) if isinstance(label, str) else None
            if category is None and not why:
                named_so = "" if label is None else f" of {truth_path}, but {label!r}"
                why = f"{path}: {place} has no category_id and no category{named_so}"
        # No other keys: a "caption" would make pycocotools treat detections as captions.
        detections.append(
            {
                "image_id": found,
                "category_id": category,
                "bbox": detection["bbox"],
                "score": score,
            }
        )
    if why and any(detection.get("category_id") is not None for detection in content):
        raise ConfigError(f"{why}, while others have a category_id")
    return detections, why


def _is_number(value: object) -> bool:
    try:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
    except OverflowError:
        return False


def _check_box(path: Path, place: str, box: object) -> None:
    good = (
        isinstance(box, list)
        and len(box) == 4
        and all(_is_number(side) for side in box)
        and box[2] >= 0
        and box[3] >= 0
    )
    if not good:
        raise ConfigError(
            f"{path}: {place}: bbox must be left, top, width, height, none of the last two "
            f"negative, got {box!r}"
        )
