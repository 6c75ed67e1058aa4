"""Maps a data set's classes to the network's: which objects are learnt or give no loss."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stages.decoder.image_file import read_image
from stages.errors import SourceError
from stages.records import BoolArray, Float32Array, Int64Array, UInt8Array
from tools.annotations.ignored import half_inside
from tools.datasets.sample import Sample
from tools.training.config import TrainingConfig
from tools.training.crops import AnnotatedImage

SOFTENING = 5
"""Pixels by which a motion mask may reach beyond the box to which it was cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects in an image, background classes included.

    Attributes:
        boxes: ``(N, 4)`` float32 ltrb in pixels.
        classes: ``(N,)`` int64 class of the network; -1 for background classes.
        hidden: ``(N,)`` bool, whether the object is partly hidden or outside the image, or mostly
            in ignored regions.
    """

    boxes: Float32Array
    classes: Int64Array
    hidden: BoolArray


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Mapping of a data set's classes to the network's.

    Attributes:
        index: Class of the network by class name in the data set.
        background: Class names learnt as background; all others give no loss.
        names: Classes of the network.
    """

    index: dict[str, int]
    background: frozenset[str]
    names: tuple[str, ...]

    @classmethod
    def of(cls, config: TrainingConfig) -> ClassMap:
        """Builds the mapping of a config."""
        index = {
            member: number
            for number, members in enumerate(config.classes.values())
            for member in members
        }
        return cls(index, frozenset(config.background), tuple(config.classes))

    def in_order(self, names: tuple[str, ...]) -> ClassMap:
        """Returns the mapping to the same classes in another order."""
        index = {member: names.index(self.names[number]) for member, number in self.index.items()}
        return replace(self, index=index, names=names)

    def annotated_image(
        self, sample: Sample, max_hidden: float, *, with_mask: bool = False
    ) -> AnnotatedImage:
        """Reads an image and its annotation in the network's classes.

        Raises:
            SourceError: The image, or its mask, cannot be read.
        """
        numbers = np.array([self.index.get(label, -1) for label in sample.labels], np.int64)
        background = np.array([label in self.background for label in sample.labels], np.bool_)
        unsure = ~background & ((numbers < 0) | (sample.hidden > max_hidden))
        unsure |= ~background & half_inside(sample.boxes, sample.ignored)
        learnt = ~unsure & ~background
        mask = _read_mask(sample) if with_mask else None
        if mask is not None:
            mask = _without(mask, sample.boxes[background], sample.boxes[learnt])
        return AnnotatedImage(
            sample.read(),
            sample.boxes[learnt],
            numbers[learnt],
            np.concatenate((sample.ignored, sample.boxes[unsure])),
            mask,
        )

    def objects(self, sample: Sample) -> Objects:
        """Returns the objects that can be cut out of an image, without unknown classes."""
        known = np.array(
            [label in self.index or label in self.background for label in sample.labels], np.bool_
        )
        classes = np.array([self.index.get(label, -1) for label in sample.labels], np.int64)
        hidden = (sample.hidden > 0) | half_inside(sample.boxes, sample.ignored)
        return Objects(sample.boxes[known], classes[known], hidden[known])


def _read_mask(sample: Sample) -> UInt8Array | None:
    if sample.mask is None:
        return None
    mask = read_image(sample.mask, gray=True)
    if mask.shape != (sample.height, sample.width):
        raise SourceError(f"mask {sample.mask} is not as large as its image")
    return mask


def _without(mask: UInt8Array, boxes: Float32Array, kept: Float32Array) -> UInt8Array:
    """Clears the mask in ``boxes``, including softened edges, but not in ``kept``."""
    cleared = mask.copy()
    for box in boxes:
        cleared[_area(box, SOFTENING)] = 0
    for box in kept:
        cleared[_area(box)] = mask[_area(box)]
    return cleared


def _area(box: Float32Array, margin: int = 0) -> tuple[slice, slice]:
    left, top = np.maximum(np.floor(box[:2]).astype(int) - margin, 0)
    right, bottom = np.maximum(np.ceil(box[2:]).astype(int) + margin, 0)
    return slice(top, bottom), slice(left, right)
