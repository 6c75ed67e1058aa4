"""Reads UA-DETRAC: sequence folders ``MVI_xxxxx`` with one XML file each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tools.annotations.detrac_xml import read_detrac_xml
from tools.datasets.folder_tree import FolderTree, split_of
from tools.datasets.sample import DataSet, Problem, ProblemKind
from tools.datasets.sequences import AnnotatedSequence, put_once, read_sequences

_VERSION = re.compile(r"_v(\d+)$")  # the tracking annotation has a version 3
_KNOWN = re.compile(r"MVI_\d+(_v\d+)?\.xml")
_ROOT = re.compile(rb"<sequence[\s>]")
_HEAD = 2048  # bytes at the start of a file in which its root element begins


def is_detrac(tree: FolderTree) -> bool:
    """Returns whether there is a UA-DETRAC annotation anywhere under the root."""
    return any(_annotations(tree, folder) for folder in tree.walk())


def read_detrac(tree: FolderTree) -> DataSet:
    """Reads every sequence that has both images and an annotation, anywhere under the root.

    Frames missing from the annotation between annotated ones have no vehicles. Frames before the
    first and after the last annotated one are left out, as it is unknown whether they were
    annotated.
    """
    problems: list[Problem] = []
    folders: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    files: list[Path] = []
    for folder in tree.walk():
        if folder != tree.root and tree.images(folder):
            put_once(folders, tree.sequence(folder), folder, problems)
        files += _annotations(tree, folder)
    # Each version has its own folder in the benchmark's archives. The first one is used: the test
    # set has no other, and later versions have vehicle types that training configs lack.
    for file in sorted(files, key=_version):
        put_once(annotations, annotated_sequence(file), file, problems)

    def read(name: str) -> AnnotatedSequence:
        return _sequence(tree.root, name, annotations[name], folders[name], problems)

    samples = read_sequences(tree, annotations, folders, read, problems)
    return DataSet(tree.name, tree.root, "detrac", samples, problems)


def annotated_sequence(file: Path) -> str:
    """Returns the sequence of an annotation file: ``MVI_20011`` for ``MVI_20011_v3.xml``."""
    return _VERSION.sub("", file.stem)


def _annotations(tree: FolderTree, folder: Path) -> list[Path]:
    """Returns the annotation files in a folder."""
    names = sorted(tree.files(folder))
    return [
        folder / name for name in names if name.endswith(".xml") and _is_annotation(folder / name)
    ]


def _version(file: Path) -> int:
    match = _VERSION.search(file.stem)
    return int(match[1]) if match else 1


def _is_annotation(file: Path) -> bool:
    if _KNOWN.fullmatch(file.name):
        return True
    try:
        with file.open("rb") as content:
            return _ROOT.search(content.read(_HEAD)) is not None
    except OSError:
        return False


def _sequence(
    root: Path, name: str, file: Path, images: Path, problems: list[Problem]
) -> AnnotatedSequence:
    faults: list[str] = []
    annotation = read_detrac_xml(file, faults)
    problems += [Problem(ProblemKind.UNREADABLE_ROW, fault) for fault in faults]
    conditions = {
        "weather": annotation.weather,
        "camera_state": annotation.camera_state,
        "split": split_of(*images.relative_to(root).parts, *file.relative_to(root).parts),
    }
    return AnnotatedSequence(
        name=name,
        source=file,
        frames=annotation.frames,
        boxes=annotation.boxes,
        labels=np.array(annotation.vehicle_types, np.object_),
        hidden=annotation.hidden,
        annotated=annotation.annotated_frames,
        regions=annotation.regions,
        conditions={key: value for key, value in conditions.items() if value},
    )
