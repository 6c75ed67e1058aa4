"""UA-DETRAC: sequence folders ``MVI_xxxxx`` and one XML file for each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from stages.errors import ConfigError
from tools.datasets.folder_tree import FolderTree, is_image, split_of
from tools.datasets.sample import DataSet, Problem, ProblemKind, Sample
from tools.datasets.sequences import (
    AnnotatedSequence,
    missing_parts,
    put_once,
    sequence_samples,
)
from tools.evaluation.detrac_xml import read_detrac_xml

_FOLDER = re.compile(r"MVI_\d+")
_FILE = re.compile(r"(MVI_\d+)(_v\d+)?\.xml")  # the tracking annotation has a version 3


def is_detrac(tree: FolderTree) -> bool:
    """Whether an annotation of UA-DETRAC lies anywhere under the root."""
    return any(_FILE.fullmatch(name) for folder in tree.walk() for name in tree.files(folder))


def read_detrac(tree: FolderTree) -> DataSet:
    """Reads every sequence that has both images and an annotation, wherever they lie.

    Frames that the annotation leaves out between others have no vehicles. Frames before the first
    and after the last annotated one are left out: the annotation does not say whether somebody
    looked at them.
    """
    problems: list[Problem] = []
    folders: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    for folder in tree.walk():
        names = tree.files(folder)
        if _FOLDER.fullmatch(folder.name) and any(map(is_image, names)):
            put_once(folders, folder.name, folder, problems)
        for name in sorted(names, reverse=True):  # the later version first
            match = _FILE.fullmatch(name)
            if match is not None:
                put_once(annotations, match[1], folder / name, problems)
    problems += missing_parts(annotations, folders)
    samples: list[Sample] = []
    for name in sorted(annotations.keys() & folders.keys()):
        try:
            sequence = _sequence(tree.root, name, annotations[name], folders[name])
        except ConfigError as error:
            problems.append(Problem(ProblemKind.UNREADABLE_FILE, str(error)))
            continue
        samples += sequence_samples(tree, sequence, folders[name], problems)
    return DataSet(tree.name, tree.root, "detrac", samples, problems)


def _sequence(root: Path, name: str, file: Path, images: Path) -> AnnotatedSequence:
    annotation = read_detrac_xml(file)
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
