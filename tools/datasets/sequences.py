"""Splits annotated video sequences into samples by frame, for UA-DETRAC and UAVDT."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stages.errors import ConfigError, SourceError
from stages.records import Float64Array, Int64Array
from tools.annotations.trajectories import rows_of
from tools.datasets.boxes import cut_boxes, cut_regions
from tools.datasets.folder_tree import FolderTree
from tools.datasets.image_size import image_size
from tools.datasets.sample import Problem, ProblemKind, Sample

_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedSequence:
    """The annotation of a sequence, in any order.

    Attributes:
        name: Name of the sequence.
        source: The file from which it was read.
        frames: ``(N,)`` 1-based frame of each box.
        boxes: ``(N, 4)`` ltrb in pixels.
        labels: ``(N,)`` class names.
        hidden: ``(N,)`` share of each object that is hidden.
        annotated: ``(F,)`` 1-based frames that are known to be annotated; all between the first and
            the last of them count as annotated too.
        regions: ``(R, 4)`` ltrb of ignored regions.
        region_frames: ``(R,)`` 1-based frame of each region; None if all apply to every frame.
        conditions: See `Sample`.
    """

    name: str
    source: Path
    frames: Int64Array
    boxes: Float64Array
    labels: np.ndarray
    hidden: Float64Array
    annotated: Int64Array
    regions: Float64Array
    region_frames: Int64Array | None = None
    conditions: dict[str, str] = field(default_factory=dict)


def put_once(found: dict[str, Path], name: str, path: Path, problems: list[Problem]) -> None:
    """Records the path of a sequence; later ones are reported and left out."""
    if found.setdefault(name, path) != path:
        location = f"{name}: {path}; the one used is {found[name]}"
        problems.append(Problem(ProblemKind.STATED_TWICE, location))


def read_sequences(
    tree: FolderTree,
    annotations: dict[str, Path],
    folders: dict[str, Path],
    read: Callable[[str], AnnotatedSequence],
    problems: list[Problem],
) -> list[Sample]:
    """Reads the sequences that have both images and an annotation.

    Args:
        tree: Folders of the data set.
        annotations: The file of each sequence.
        folders: Folder of each sequence's images, without the root; the number at the end of an
            image's name is its frame number.
        read: Returns the annotation of a sequence, or raises a `ConfigError`.
        problems: List to which everything that cannot be used is added.

    Returns:
        One sample for each annotated frame that has an image.
    """
    _put_root(tree, annotations, folders)
    problems += _missing_parts(annotations, folders)
    samples: list[Sample] = []
    for name in sorted(annotations.keys() & folders.keys()):
        try:
            sequence = read(name)
        except ConfigError as error:
            problems.append(Problem(ProblemKind.UNREADABLE_FILE, str(error)))
            continue
        samples += _samples(tree, sequence, folders[name], problems)
    return samples


def _put_root(tree: FolderTree, annotations: dict[str, Path], folders: dict[str, Path]) -> None:
    """Records that the images of a sequence are in the root, if they are nowhere else.

    Images in a root above the sequences of a benchmark, such as a contact sheet, are not frames.
    """
    name = tree.sequence(tree.root)
    if name in annotations and tree.images(tree.root):
        folders.setdefault(name, tree.root)


def _missing_parts(annotations: dict[str, Path], folders: dict[str, Path]) -> Iterator[Problem]:
    """Yields the sequences without images or annotation. Both arguments are keyed by sequence."""
    for name in sorted(annotations.keys() - folders.keys()):
        yield Problem(ProblemKind.NO_IMAGES, str(annotations[name]))
    for name in sorted(folders.keys() - annotations.keys()):
        yield Problem(ProblemKind.NOT_ANNOTATED, str(folders[name]))


def _samples(
    tree: FolderTree, sequence: AnnotatedSequence, images: Path, problems: list[Problem]
) -> list[Sample]:
    """Returns one sample for each annotated frame of a sequence that has an image.

    All images are assumed to be as large as the first that opens.
    """
    paths = _images_by_frame(tree, images, problems)
    size = _first_size(paths, problems)
    if size is None:
        problems.append(Problem(ProblemKind.NO_IMAGES, f"{sequence.name}: {images}"))
        return []
    first, last = _span(sequence.annotated)
    for number in np.setdiff1d(sequence.annotated, list(paths)):
        location = f"{sequence.source.name}, frame {number}"
        problems.append(Problem(ProblemKind.MISSING_FRAME, location))
    cut = cut_boxes(sequence.boxes, sequence.hidden, *size)
    for kind, row in cut.faults:
        location = f"{sequence.source.name}, frame {sequence.frames[row]}"
        problems.append(Problem(kind, location))
    good = np.flatnonzero(cut.usable)
    usable_rows = rows_of(sequence.frames[good])
    no_rows = np.empty(0, np.int64)
    every_region = cut_regions(sequence.regions, *size)
    regions_of = {}
    if sequence.region_frames is not None:
        every_region = every_region[:0]
        regions_of = {
            number: cut_regions(sequence.regions[rows], *size)
            for number, rows in rows_of(sequence.region_frames).items()
        }
    samples = []
    for number, path in sorted(paths.items()):
        if not first <= number <= last:
            problems.append(Problem(ProblemKind.FRAME_NOT_ANNOTATED, str(path)))
            continue
        rows = good[usable_rows.get(number, no_rows)]
        samples.append(
            Sample(
                path,
                sequence.name,
                number,
                *size,
                cut.boxes[rows],
                tuple(sequence.labels[rows].tolist()),
                cut.hidden[rows],
                regions_of.get(number, every_region),
                tree.mask(sequence.name, path),
                sequence.conditions,
            )
        )
    return samples


def _images_by_frame(tree: FolderTree, folder: Path, problems: list[Problem]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in tree.images(folder):
        number = _NUMBER.search(path.stem)
        if number is None:
            problems.append(Problem(ProblemKind.NO_NUMBER, str(path)))
        elif (first := found.setdefault(int(number[1]), path)) != path:
            location = f"frame {int(number[1])}: {path}; the one used is {first.name}"
            problems.append(Problem(ProblemKind.STATED_TWICE, location))
    return found


def _first_size(paths: dict[int, Path], problems: list[Problem]) -> tuple[int, int] | None:
    """Returns ``(width, height)`` of the first image that opens."""
    for path in paths.values():
        try:
            return image_size(path)
        except SourceError as error:
            problems.append(Problem(ProblemKind.UNREADABLE_IMAGE, str(error)))
    return None


def _span(frames: Int64Array) -> tuple[int, int]:
    return (int(frames.min()), int(frames.max())) if len(frames) else (1, 0)
