"""``spotstream detect``: detections of images as a COCO results list."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config_file import load_configs
from pipeline.detectors import Detector, build_detector
from pipeline.geometry import ignored_in
from pipeline.settings_file import overridden
from stages.detector.ignored import outside
from stages.errors import ConfigError, SourceError, SpotStreamError, in_one_line
from stages.records import Detections, Frame, UInt8Array
from stages.wording import counted
from tools.annotations.coco_ids import coco_ids
from tools.detection.data_set import DetectedDataSet
from tools.detection.images import image_paths, read_images
from tools.detection.overlay import LIKELY, DetectionOverlays

_Image = tuple[Path, UInt8Array]

_MIN_SCORE = 0.01  # lower than in a run: AP also counts weak detections


@dataclass(slots=True)
class DetectedImages:
    """What was found in images.

    Attributes:
        total: Number of images given.
        done: Number of these that were searched.
        results: A dict per detection: ``file_name``, ``bbox`` ltwh in pixels, ``score`` and
            ``category``; where ids are given, also ``image_id`` and ``category_id``.
        data_set: The images that were searched, with their likely detections; None if no data set
            was requested.
        failure: Error of the detector, after which no more images were searched.
    """

    total: int
    done: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    data_set: DetectedDataSet | None = None
    failure: SpotStreamError | None = None


def detect_images(
    paths: list[Path],
    config_paths: Sequence[Path],
    overrides: list[str],
    unreadable: Callable[[str], None],
    *,
    ids: Path | None = None,
    overlay: Path | None = None,
    data_set: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
    stopped: Callable[[], bool] = lambda: False,
) -> DetectedImages:
    """Detects vehicles in every image, until the detector fails.

    Args:
        paths: Images and folders of images; an image that is named twice is used once.
        config_paths: Configs, each layered on those before it, whose detector is used; without
            any, the minimum score is 0.01.
        overrides: ``key.path=value`` overrides of the config.
        unreadable: Called with a message for each path without images, each unreadable image, and
            each that the detector refuses because of its size.
        ids: COCO annotation file whose ids the results get.
        overlay: Folder for copies of the images with the detections drawn on them.
        data_set: File that the returned data set is for; None for no data set. It has detections
            with a score of at least 0.3, or of ``detector.min_score`` if ``overrides`` state it.
        progress: Called with the number of images done and the total, first with 0 done.
        stopped: Polled before each batch; once it returns True, the results so far are returned.

    Raises:
        ConfigError: Two images have the same name, ``ids`` does not name an image or a class, or
            ``overlay`` would replace an image.
        OutputError: An overlay cannot be written.
        SourceError: There is no image, or none can be used.
    """
    images: list[Path] = []
    missing: list[str] = []
    for given in paths:
        try:
            images += image_paths(given)
        except SourceError as error:
            missing.append(str(error))
    if not images:
        raise SourceError("; ".join(missing))
    for message in missing:
        unreadable(message)
    images = list(dict.fromkeys(images))
    _check_names(images)
    defaults = [] if config_paths else [f"detector.min_score={_MIN_SCORE}"]
    config = load_configs(config_paths, [*defaults, *overrides]).detector
    detector = build_detector(config)
    names = [path.name for path in images]
    given_ids = coco_ids(ids, names, detector.class_names) if ids else None
    overlays = overlay and DetectionOverlays(overlay, images, detector.class_names)
    detected = DetectedImages(len(images))
    if data_set:
        stated = overridden({}, overrides).get("detector", {})
        min_score = float(stated.get("min_score", LIKELY))
        detected.data_set = DetectedDataSet(data_set, detector.class_names, min_score, given_ids)
    pixels = read_images(images, unreadable)
    size = config.batch_size or detector.batch_size
    progress(0, detected.total)
    while not stopped() and (batch := list(itertools.islice(pixels, size))):
        try:
            of_batch = _detected(
                detector, batch, unreadable, stopped, is_own=config.name is not None
            )
        except SpotStreamError as error:
            detected.failure = error
            break
        for path, image, found in of_batch:
            kept = outside(found, ignored_in(config.ignored, path.stem))
            detected.results += _in_coco_format(path.name, kept, detector.class_names)
            if overlays:
                overlays.write(path, image, kept)
            if detected.data_set:
                detected.data_set.add(path, image, kept)
        detected.done += len(of_batch)
        progress(detected.done, detected.total)
    else:
        if not detected.done and not stopped():
            raise SourceError("no image can be used")
    if given_ids:
        image_ids, category_ids = given_ids
        for each in detected.results:
            each["image_id"] = image_ids[each["file_name"]]
            each["category_id"] = category_ids[each["category"]]
    return detected


def _detected(
    detector: Detector,
    batch: Sequence[_Image],
    unreadable: Callable[[str], None],
    stopped: Callable[[], bool],
    *,
    is_own: bool,
) -> list[tuple[Path, UInt8Array, Detections]]:
    """Returns the images of a batch with their detections, without those that are refused."""
    frames = [Frame.of_image(image, path.stem) for path, image in batch]
    try:
        found = detector.detect(frames)
    except ConfigError as error:
        if len(batch) > 1:
            alone = (
                _detected(detector, [each], unreadable, stopped, is_own=is_own) for each in batch
            )
            return list(itertools.chain.from_iterable(alone))
        unreadable(f"{batch[0][0]}: {error}")
        return []
    except (Exception, SystemExit) as error:
        is_request = isinstance(error, SystemExit) and stopped()  # a second signal ends at once
        if is_request or not is_own or isinstance(error, SpotStreamError):
            raise
        others = f" or {counted(len(batch) - 1, 'other image')}" if len(batch) > 1 else ""
        raise SpotStreamError(f"{batch[0][0]}{others}: {in_one_line(error)}") from error
    return [(*each, detections) for each, detections in zip(batch, found, strict=True)]


def _in_coco_format(
    name: str, found: Detections, class_names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
        left, top, right, bottom = (float(side) for side in box)
        yield {
            "file_name": name,
            "bbox": [round(v, 2) for v in (left, top, right - left, bottom - top)],
            "score": round(float(score), 5),
            "category": class_names[label],
        }


def _check_names(images: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for image in images:
        if (first := seen.setdefault(image.name, image)) != image:
            raise ConfigError(
                f"{first} and {image} have one name, and results go by name; detect in one folder "
                f"at a time"
            )
