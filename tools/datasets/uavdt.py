"""Reads UAVDT: sequence folders ``M0101`` and text files of ground truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from stages.detector.detection_file import CLASS_NAMES
from stages.number_table import HEIGHT, IDENTITY, WIDTH, NumberTable
from stages.records import Float64Array
from tools.annotations.mot_file import MIN_COLUMNS, boxes_of
from tools.annotations.uavdt import IGNORED_SUFFIX, OBJECTS_SUFFIX, find_file
from tools.datasets.folder_tree import FolderTree, split_of
from tools.datasets.sample import DataSet, Problem, ProblemKind
from tools.datasets.sequences import AnnotatedSequence, put_once, read_sequences

CLASSES = dict(enumerate(CLASS_NAMES["uavdt"], 1))
"""Class by the code in column 9."""
OUT_OF_VIEW = {1: 0.0, 2: 0.4, 3: 0.15}
"""Share outside the image by the code in column 7: none, medium (30 to 50 %), small (to 30 %)."""
OCCLUSION = {1: 0.0, 2: 0.85, 3: 0.5, 4: 0.15}
"""Occluded share by the code in column 8: none, large (from 70 %), medium, small (to 30 %)."""

_FOLDER = re.compile(r"M\d{4}")
_FILE = re.compile(rf"(M\d{{4}}){re.escape(OBJECTS_SUFFIX)}(?:\.gz)?")
_ATTRIBUTES = re.compile(r"(M\d{4})_attr\.txt")
_OUT_OF_VIEW_COLUMN, _OCCLUSION_COLUMN, _CLASS_COLUMN = 6, 7, 8


def is_uavdt(tree: FolderTree) -> bool:
    """Returns whether there is a UAVDT ground truth anywhere under the root."""
    return any(_FILE.fullmatch(name) for folder in tree.walk() for name in tree.files(folder))


def read_uavdt(tree: FolderTree) -> DataSet:
    """Reads every sequence that has both images and ``NAME_gt_whole.txt``, anywhere under the root.

    Ignored boxes are the boxes in ``NAME_gt_ignore.txt`` beside it, and boxes of unknown classes.
    Both text files may be compressed, with names ending in ``.gz``. ``NAME_gt.txt``, the ground
    truth for tracking, is not read: it lacks vehicles that are partly out of view. Degrees of
    occlusion and out-of-view become the midpoints of the ranges in the benchmark's paper (arXiv
    1804.00518). The split is that of the folder that holds ``NAME_attr.txt``, as in the
    benchmark's toolkit.
    """
    problems: list[Problem] = []
    folders: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    splits: dict[str, str] = {}
    for folder in tree.walk():
        names = tree.files(folder)
        scene = tree.sequence(folder)
        if folder != tree.root and _FOLDER.fullmatch(scene) and tree.images(folder):
            put_once(folders, scene, folder, problems)
        for name in sorted(names):
            if (match := _FILE.fullmatch(name)) is not None:
                put_once(annotations, match[1], folder / name, problems)
            elif (match := _ATTRIBUTES.fullmatch(name)) is not None:
                splits[match[1]] = split_of(folder.name)

    def read(name: str) -> AnnotatedSequence:
        split = splits.get(name) or split_of(*folders[name].relative_to(tree.root).parts)
        return _sequence(name, annotations[name], {"split": split} if split else {}, problems)

    samples = read_sequences(tree, annotations, folders, read, problems)
    return DataSet(tree.name, tree.root, "uavdt", samples, problems)


def _sequence(
    name: str, file: Path, conditions: dict[str, str], problems: list[Problem]
) -> AnnotatedSequence:
    table = _usable(NumberTable.read(file, _CLASS_COLUMN + 1, "annotation"), file, problems)
    table = _first_of_each(table, file, problems)
    frames, boxes = table.frame_indices() + 1, boxes_of(table)
    annotated = frames
    known = np.isin(table.values[:, _CLASS_COLUMN], list(CLASSES))
    for row in np.flatnonzero(~known):
        number = table.values[row, _CLASS_COLUMN]
        location = f"{file.name}, frame {frames[row]}, class {number:g}"
        problems.append(Problem(ProblemKind.UNKNOWN_CLASS, location))
    values = table.values[known]
    regions, region_frames = boxes[~known], frames[~known]
    ignored = find_file(file.parent, name, IGNORED_SUFFIX)
    if ignored is None:
        problems.append(Problem(ProblemKind.NO_IGNORED_FILE, name))
    else:
        ignored_table = NumberTable.read(ignored, MIN_COLUMNS, "ignored boxes")
        ignored_table = _usable(ignored_table, ignored, problems)
        ignored_frames = ignored_table.frame_indices() + 1
        regions = np.concatenate([regions, boxes_of(ignored_table)])
        region_frames = np.concatenate([region_frames, ignored_frames])
        annotated = np.concatenate([frames, ignored_frames])
    return AnnotatedSequence(
        name=name,
        source=file,
        frames=frames[known],
        boxes=boxes[known],
        labels=np.array([CLASSES[int(each)] for each in values[:, _CLASS_COLUMN]], np.object_),
        hidden=_hidden(values, file, problems),
        annotated=np.unique(annotated),
        regions=regions,
        region_frames=region_frames,
        conditions=conditions,
    )


def _usable(table: NumberTable, file: Path, problems: list[Problem]) -> NumberTable:
    """Returns the rows whose box has no negative side."""
    good = (table.values[:, WIDTH] >= 0) & (table.values[:, HEIGHT] >= 0)
    for row in np.flatnonzero(~good):
        location = f"{file.name}, frame {table.values[row, 0]:g}"
        problems.append(Problem(ProblemKind.FLAT_BOX, location))
    return table.only(good)


def _first_of_each(table: NumberTable, file: Path, problems: list[Problem]) -> NumberTable:
    """Returns the first row of each frame and id."""
    first = np.zeros(len(table.values), np.bool_)
    first[np.unique(table.values[:, : IDENTITY + 1], axis=0, return_index=True)[1]] = True
    for frame, identity in table.values[~first, : IDENTITY + 1]:
        location = f"{file.name}, frame {frame:g}, id {identity:g}"
        problems.append(Problem(ProblemKind.STATED_TWICE, location))
    return table.only(first)


def _hidden(values: Float64Array, file: Path, problems: list[Problem]) -> Float64Array:
    """Returns the larger of the shares that each row's two codes mean, ``(N,)``."""
    hidden = np.zeros(len(values))
    for what, column, shares in (
        ("out of view", _OUT_OF_VIEW_COLUMN, OUT_OF_VIEW),
        ("occlusion", _OCCLUSION_COLUMN, OCCLUSION),
    ):
        codes = values[:, column]
        for row in np.flatnonzero(~np.isin(codes, list(shares))):
            location = f"{file.name}, frame {values[row, 0]:g}, {what} {codes[row]:g}"
            problems.append(Problem(ProblemKind.UNKNOWN_CODE, location))
        hidden = np.maximum(hidden, [shares.get(code, 0.0) for code in codes])
    return hidden
