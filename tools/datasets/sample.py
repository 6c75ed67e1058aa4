"""The common form of all data sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from stages.decoder.image_file import read_image
from stages.errors import SourceError
from stages.records import Float32Array, UInt8Array

MOSTLY_HIDDEN = 0.5
"""Hidden share above which an object counts as mostly hidden."""


def _no_boxes() -> Float32Array:
    return np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One annotated image, whose pixels are read when needed.

    Boxes are ``(left, top, right, bottom)`` in pixels of the image, cut at its border.

    Attributes:
        path: The image file.
        scene: Sequence or scene; images of one scene resemble each other.
        frame: 1-based number in its sequence; None for a single image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        boxes: ``(N, 4)`` float32.
        labels: N class names, one for each box, as the data set spells them.
        hidden: ``(N,)`` float32, share of each object that is occluded or outside the image; 0
            if the data set does not say.
        ignored: ``(K, 4)`` float32, regions where nothing is annotated.
        mask: Path of an 8-bit image, 255 where something moves; None if there is none.
        conditions: Properties of the scene from the data set: ``"weather"``, ``"camera_state"``,
            and ``"split"`` (train, val or test) if the data set has splits.
    """

    path: Path
    scene: str
    frame: int | None
    width: int
    height: int
    boxes: Float32Array
    labels: tuple[str, ...]
    hidden: Float32Array
    ignored: Float32Array = field(default_factory=_no_boxes)
    mask: Path | None = None
    conditions: dict[str, str] = field(default_factory=dict)

    def read(self) -> UInt8Array:
        """Reads the pixels, ``(height, width, 3)`` uint8 BGR.

        Raises:
            SourceError: The file is not a readable image, or not of the annotated size.
        """
        image = read_image(self.path)
        if image.shape[:2] != (self.height, self.width):
            raise SourceError(
                f"{self.path} is {image.shape[1]}x{image.shape[0]}, "
                f"annotated as {self.width}x{self.height}"
            )
        return image


class ProblemKind(StrEnum):
    """Kinds of problems in a data set, with the same wording for all formats."""

    MISSING_IMAGE = "missing image"
    UNREADABLE_IMAGE = "image that does not open"
    WRONG_SIZE = "image of another size than annotated"
    MISSING_FRAME = "annotation for a missing frame"
    NO_IMAGES = "annotated sequence without images"
    NOT_ANNOTATED = "sequence without annotation"
    FRAME_NOT_ANNOTATED = "image before the first or after the last annotated frame"
    NO_NUMBER = "image of a sequence without a number at the end of its name"
    STATED_TWICE = "stated twice"
    NO_LABEL_FILE = "image without a label file, treated as having no boxes"
    NO_IGNORED_FILE = "sequence without a file of ignored regions, treated as having none"
    UNREADABLE_FILE = "annotation file that cannot be read"
    UNREADABLE_ROW = "annotation that cannot be read"
    UNKNOWN_CLASS = "box of a class without a name, made an ignored region"
    UNKNOWN_CODE = "unknown degree of occlusion or out of view, treated as none"
    FLAT_BOX = "box without area"
    BOX_OUTSIDE = "box outside the frame"
    BOX_CUT = "box beyond the border of the frame, cut there"
    SHARED_MASK = "image with the mask of another one, used without it"


USED_ANYWAY = frozenset(
    {
        ProblemKind.NO_LABEL_FILE,
        ProblemKind.NO_IGNORED_FILE,
        ProblemKind.UNKNOWN_CLASS,
        ProblemKind.UNKNOWN_CODE,
        ProblemKind.BOX_CUT,
        ProblemKind.SHARED_MASK,
    }
)
"""Problems that do not cause anything to be left out."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a data set that was left out, or `USED_ANYWAY`.

    Attributes:
        kind: What is wrong.
        location: File, and line or object where there is one.
    """

    kind: ProblemKind
    location: str


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """The usable samples of a data set, and its problems.

    Attributes:
        name: Name of its folder.
        root: Its folder.
        format: ``"coco"``, ``"detrac"``, ``"uavdt"`` or ``"yolo"``.
        samples: Usable samples, ordered by scene, then frame or file name.
        problems: Everything that was left out or is `USED_ANYWAY`.
    """

    name: str
    root: Path
    format: str
    samples: list[Sample]
    problems: list[Problem]

    def label_counts(self) -> Counter[str]:
        """Returns the number of boxes of each class."""
        return Counter(label for sample in self.samples for label in sample.labels)
