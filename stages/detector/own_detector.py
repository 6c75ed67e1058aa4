"""A detector of the user's own: a class that finds boxes in images."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stages.bgr import to_bgr
from stages.detector.compute_threads import ComputeThreads
from stages.detector.kept_detections import MIN_SIDE, kept, kept_classes
from stages.errors import ConfigError, SpotStreamError
from stages.records import Detections, Float64Array, Frame, StreamStart, UInt8Array
from stages.wording import counted
from trackers.own_class import own_class, typed_line
from trackers.tracker import CLASS_RANGE, FARTHEST, checked_classes, checked_numbers

_MAX_CLASSES = CLASS_RANGE.max + 1


class OwnDetector:
    """Runs a class named ``package.module:Class``, and checks what it returns.

    The class has ``class_names``, a sequence of text, and ``detect(images)``, which takes a list of
    images ``(H, W, 3)`` uint8 BGR and returns a sequence with one ``(boxes, scores, classes)`` for
    each: ``(N, 4)`` left, top, right, bottom in pixels; ``(N,)``; ``(N,)`` indices into
    ``class_names``. It must return the same for the same images, since frames are sent again if a
    process dies.

    Attributes:
        name: ``package.module:Class``.
        description: The same as ``name``.
        class_names: Names of the classes that ``Detections.classes`` indexes.
        batch_size: 1: more images at a time only if the user asks for them.
        compute_threads: None, because the class need not be safe in threads.
        is_immediate: False.
    """

    batch_size = 1
    compute_threads: ComputeThreads | None = None
    is_immediate = False

    def __init__(
        self,
        name: str,
        settings: Mapping[str, object],
        *,
        min_score: float = 0.1,
        max_detections: int = 100,
        classes: Sequence[str] = (),
    ) -> None:
        """Imports the class and builds the detector.

        Args:
            name: ``package.module:Class``.
            settings: Keyword arguments of the constructor.
            min_score: Detections with a lower score are left out.
            max_detections: Maximum number per frame, keeping the strongest.
            classes: Names of the classes to keep; none: all.

        Raises:
            ConfigError: The class cannot be imported, is no detector, does not take the
                settings, or lacks one of ``classes``.
        """
        self.name = name
        self.description = name  # without the settings, which may hold passwords
        self.min_score = min_score
        self.max_detections = max_detections
        self._has_pixels = False  # whether a box was seen that cannot be in parts of the image
        try:
            self._own = _built(own_class(name), settings)
            self.class_names = _checked_names(getattr(self._own, "class_names", None))
        except ValueError as error:
            raise ConfigError(f"detector {name!r}: {error}") from error
        self._kept_classes = kept_classes(classes, self.class_names)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections in each frame, by descending score, and clipped to it.

        Raises:
            SpotStreamError: The class returns something else than it must.
            ValueError: A frame has no pixels, or its pixels do not match its header.
        """
        found = self._own.detect([_image(frame) for frame in frames])
        count = counted(len(frames), "result")
        what = f"detect must return {count}, one (boxes, scores, classes) for each image"
        try:
            results = _members(what, found, len(frames))
        except ValueError as error:
            raise SpotStreamError(f"detector {self.name!r}: {error}") from error
        return [self._checked(frame, each) for frame, each in zip(frames, results, strict=True)]

    def warnings(self, start: StreamStart) -> list[str]:
        """Returns no warnings: nothing is known about the frames that the class needs."""
        return []

    def _checked(self, frame: Frame, result: object) -> Detections:
        header = frame.header
        try:
            parts = _members("a result must be (boxes, scores, classes)", result, 3)
            corners = checked_numbers("boxes", parts[0], (-1, 4), FARTHEST)
            count = len(corners)
            scores = checked_numbers("scores", parts[1], (count,)).astype(np.float32)
            classes = checked_classes(parts[2], count, 0, len(self.class_names) - 1)
            self._check_form(corners[scores >= self.min_score])
        except ValueError as error:
            frame_text = f"stream {header.stream}, frame {header.number}"
            raise SpotStreamError(f"detector {self.name!r}: {frame_text}: {error}") from error
        boxes = corners.clip(0, np.tile((header.width, header.height), 2)).astype(np.float32)
        good = np.flatnonzero(kept(boxes, scores, classes, self.min_score, self._kept_classes))
        best = good[np.argsort(-scores[good], kind="stable")][: self.max_detections]
        return Detections(header, boxes[best], scores[best], classes[best])

    def _check_form(self, corners: Float64Array) -> None:
        """Refuses boxes in other forms, which would be left out as too small, without a word."""
        sides = corners[:, 2:] - corners[:, :2]
        if (reversed_ := (sides < -MIN_SIDE).any(axis=1)).any():
            got = corners[reversed_][0].tolist()
            raise ValueError(f"boxes must be left, top, right, bottom, got {got}")
        self._has_pixels |= bool((corners > 1).any())
        # Boxes without an area may fill up a result.
        if not self._has_pixels and (has_area := (sides > 0).all(axis=1)).any():
            got = corners[has_area][0].tolist()
            raise ValueError(f"boxes must be in pixels, not in parts of the image, got {got}")


def _built(chosen: type, settings: Mapping[str, object]) -> Any:
    if not callable(getattr(chosen, "detect", None)):
        raise ValueError(f"{chosen.__name__} has no method detect")
    signature = inspect.signature(chosen)
    try:
        signature.bind(**settings)
    except TypeError as error:
        shown = f"{chosen.__name__}{signature}"
        raise ValueError(f"detector.settings do not fit {shown}: {error}") from None
    try:
        return chosen(**settings)
    except (Exception, SystemExit) as error:
        raise ValueError(f"it cannot be built: {typed_line(error)}") from error


def _checked_names(given: object) -> tuple[str, ...]:
    # "car" is a sequence, too, and would be three classes
    names = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not 0 < len(names) <= _MAX_CLASSES or any(type(name) is not str for name in names):
        raise ValueError(f"class_names must be a list of names, got {given!r}")
    if any("," in name or not name.isprintable() for name in names):  # columns of text files
        raise ValueError(f"class_names must be printable and have no commas, got {list(names)}")
    return names


def _image(frame: Frame) -> UInt8Array:
    """Returns an image that the class may change: pixels of a frame are also those of the sink."""
    pixels = frame.required_pixels()
    image = to_bgr(pixels, frame.header.pixel_format)
    return image.copy() if image is pixels else image


def _members(what: str, given: object, count: int) -> list[Any]:
    """Returns the members of anything that has ``count`` of them."""
    members = list(given) if isinstance(given, Iterable) else None
    if members is None or len(members) != count:
        got = type(given).__name__ if members is None else len(members)
        raise ValueError(f"{what}, got {got}")
    return members
