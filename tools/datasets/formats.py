"""Reads a data set of any known format."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stages.errors import ConfigError
from stages.wording import counted
from tools.datasets.coco import ANNOTATIONS, coco_files, read_coco
from tools.datasets.detrac import is_detrac, read_detrac
from tools.datasets.folder_tree import FolderTree
from tools.datasets.sample import USED_ANYWAY, DataSet, Problem, ProblemKind
from tools.datasets.uavdt import is_uavdt, read_uavdt
from tools.datasets.yolo import read_yolo, yolo_file

EXPECTED = (
    f"expected {ANNOTATIONS} and images/ (COCO), data.yaml (YOLO), MVI_*.xml (UA-DETRAC) or "
    "M*_gt_whole.txt (UAVDT)"
)


class UnknownFormatError(ConfigError):
    """The folder has none of the known formats."""


def read_data_set(root: Path) -> DataSet:
    """Reads a data set, detecting its format from the folder's content.

    Images are decoded only if their size cannot be found otherwise. Unusable content is left out
    and listed in ``problems``.

    Raises:
        UnknownFormatError: The folder has none of the known formats.
        ConfigError: The folder does not exist or has two formats, a file that everything depends on
            is broken, or no annotated image is left.
    """
    if not root.is_dir():
        raise ConfigError(f"no data set folder {root}")
    with _without_collection():
        data_set = _without_shared_masks(_read(FolderTree(root)))
    if not data_set.samples:
        losses = [problem for problem in data_set.problems if problem.kind not in USED_ANYWAY]
        first = next(iter(losses or data_set.problems), None)
        reason = "" if first is None else f"; {first.kind}: {first.location}"
        more = len(data_set.problems) - 1
        rest = f" and {counted(more, 'more problem', form=',')}" if more > 0 else ""
        raise ConfigError(f"{root} holds no annotated image ({data_set.format}){reason}{rest}")
    return data_set


def _read(tree: FolderTree) -> DataSet:
    files = coco_files(tree)
    described = yolo_file(tree)
    if described is not None and tree.root / ANNOTATIONS not in files:
        return read_yolo(tree, described)
    if tree.root / ANNOTATIONS not in files:
        detrac, uavdt = is_detrac(tree), is_uavdt(tree)
        if detrac and uavdt:
            raise ConfigError(f"{tree.root} holds both UA-DETRAC and UAVDT; name one of them")
        if detrac or uavdt:
            return read_detrac(tree) if detrac else read_uavdt(tree)
    data_set = read_coco(tree, files)
    if data_set is None:
        raise UnknownFormatError(f"{tree.root} is not a data set: {EXPECTED}")
    return data_set


def _without_shared_masks(data_set: DataSet) -> DataSet:
    """Leaves out a mask that an earlier image has, too: their scenes and names are equal."""
    taken: set[Path] = set()
    for index, sample in enumerate(data_set.samples):
        if sample.mask in taken:
            data_set.samples[index] = replace(sample, mask=None)
            data_set.problems.append(Problem(ProblemKind.SHARED_MASK, str(sample.path)))
        elif sample.mask is not None:
            taken.add(sample.mask)
    return data_set


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Keeps the garbage collector from repeatedly scanning everything read so far."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
