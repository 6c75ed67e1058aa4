"""Reads COCO object annotations: JSON files and the images they name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from stages.errors import ConfigError, SourceError
from tools.annotations.coco_json import LISTS, is_coco, read_json
from tools.datasets.boxes import cut_boxes, cut_regions
from tools.datasets.folder_tree import IMAGES, FolderTree, split_of
from tools.datasets.image_size import image_size
from tools.datasets.sample import DataSet, Problem, ProblemKind, Sample

ANNOTATIONS = "annotations.json"
_MAX_SIDE = 2**31 - 1  # pixels, the limit of PNG
_Entry = TypeVar("_Entry")


def coco_files(tree: FolderTree) -> list[Path]:
    """Returns the JSON files that may be COCO annotations, in the root or one folder below.

    If the root has ``annotations.json``, only that file is returned. Otherwise, if there are files
    ``instances_*.json``, only these are: the others hold keypoints and captions.
    """
    if tree.has(tree.root / ANNOTATIONS):
        return [tree.root / ANNOTATIONS]
    files = [
        folder / name
        for folder in [tree.root, *tree.folders(tree.root)]
        for name in sorted(tree.files(folder))
        if name.endswith(".json")
    ]
    return [file for file in files if file.name.startswith("instances_")] or files


def read_coco(tree: FolderTree, files: list[Path]) -> DataSet | None:
    """Reads ``files``; JSON files of another kind are skipped.

    A ``file_name`` is tried as given, then with slashes for backslashes. It is searched beside its
    JSON file, in the root, in ``images`` and in the subfolders of both, preferring subfolders of
    the same split. An annotation without ``bbox`` has the bounding box of its polygons. A box is
    ignored if it is a crowd, has ``"ignore": 1``, or has a category that is not listed. As
    extensions of the format, ``scene``, ``frame`` and ``conditions`` of an image and ``hidden`` of
    an annotation are read. Without ``scene``, every image is its own scene.

    Returns:
        The data set, or None if none of the files is a COCO annotation.

    Raises:
        ConfigError: There is only one file, and it is broken.
    """
    problems: list[Problem] = []
    samples: list[Sample] = []
    seen: set[Path] = set()
    found = False
    for file in files:
        try:
            content = _load(file)
            if content is not None:
                samples += _CocoFile(tree, file, content, problems).samples(seen)
                found = True
        except ConfigError as error:
            if len(files) == 1:
                raise
            problems.append(Problem(ProblemKind.UNREADABLE_FILE, str(error)))
    samples.sort(key=lambda sample: (sample.scene, sample.frame or 0, str(sample.path)))
    return DataSet(tree.name, tree.root, "coco", samples, problems) if found else None


def _load(file: Path) -> dict[str, Any] | None:
    content = read_json(file)
    if is_coco(content):
        return content
    if file.name == ANNOTATIONS:
        raise ConfigError(f"{file} is not a COCO annotation file: it needs {', '.join(LISTS)}")
    return None


class _CocoFile:
    """The samples of one JSON file."""

    def __init__(
        self, tree: FolderTree, file: Path, content: dict[str, Any], problems: list[Problem]
    ) -> None:
        self._tree = tree
        self._file = file
        self._problems = problems
        self._name = file.relative_to(tree.root)
        self._split = split_of(*reversed(self._name.with_suffix("").parts))
        self._folders = self._image_folders()
        self._names = self._by_id("category", content["categories"], lambda each: str(each["name"]))
        self._images = self._by_id("image", content["images"], lambda each: dict(each))
        self._annotations: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for index, each in enumerate(content["annotations"]):
            try:
                self._annotations[_key(each["image_id"])].append(each)
            except (KeyError, TypeError):
                self._note(ProblemKind.UNREADABLE_ROW, f"annotations[{index}]: no image_id")

    def samples(self, seen: set[Path]) -> list[Sample]:
        """Returns the samples whose images exist and are not yet in ``seen``; adds them to it."""
        for number in sorted(self._annotations.keys() - self._images.keys()):
            self._note(ProblemKind.MISSING_FRAME, f"image {number} is not listed")
        made = [self._sample(number, entry, seen) for number, entry in self._images.items()]
        return [sample for sample in made if sample is not None]

    def _by_id(
        self, what: str, entries: list[Any], read: Callable[[dict[str, Any]], _Entry]
    ) -> dict[str, _Entry]:
        """Returns the entries by id, keeping the first of several with the same id."""
        found: dict[str, _Entry] = {}
        for index, entry in enumerate(entries):
            try:
                key, value = _key(entry["id"]), read(entry)
            except (KeyError, TypeError, ValueError) as error:
                fault = f"{what} number {index + 1}: {_reason(error)}"
                self._note(ProblemKind.UNREADABLE_ROW, fault)
                continue
            if key in found:
                self._note(ProblemKind.STATED_TWICE, f"{what} {key}")
            found.setdefault(key, value)
        return found

    def _sample(self, number: str, entry: dict[str, Any], seen: set[Path]) -> Sample | None:
        name = str(entry.get("file_name", ""))
        names = (name, name.replace("\\", "/"))  # the second for files written on Windows
        candidates = (folder / each for each in names for folder in self._folders)
        path = next((file for file in candidates if self._tree.has(file)), None)
        if path is None:
            self._note(ProblemKind.MISSING_IMAGE, name or f"image {number} has no file_name")
            return None
        if path in seen:
            self._note(ProblemKind.STATED_TWICE, f"image {number}: {name}")
            return None
        try:
            width, height = (int(entry.get(side) or 0) for side in ("width", "height"))
            if not (width and height):
                width, height = image_size(path)
            if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
                raise ValueError
            frame = None if entry.get("frame") is None else int(entry["frame"])
            conditions = {str(k): str(v) for k, v in dict(entry.get("conditions") or {}).items()}
        except (TypeError, ValueError, OverflowError):
            self._note(ProblemKind.UNREADABLE_ROW, f"image {name}")
            return None
        except SourceError as error:
            self._note(ProblemKind.UNREADABLE_IMAGE, str(error))
            return None
        seen.add(path)
        if self._split:
            conditions["split"] = self._split
        boxes, labels, hidden, ignored = self._boxes(name, self._annotations[number])
        cut = cut_boxes(boxes, hidden, width, height)
        for kind, row in cut.faults:
            self._note(kind, f"{name}, {labels[row]}")
        given = entry.get("scene")
        scene = self._tree.scene(path) if given in (None, "") else str(given)
        return Sample(
            path,
            scene,
            frame,
            width,
            height,
            cut.boxes[cut.usable],
            tuple(labels[row] for row in np.flatnonzero(cut.usable)),
            cut.hidden[cut.usable],
            cut_regions(ignored, width, height),
            self._tree.mask(scene, path),
            conditions,
        )

    def _boxes(
        self, name: str, annotations: list[dict[str, Any]]
    ) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
        boxes, labels, hidden, ignored = [], [], [], []
        for annotation in annotations:
            location = f"{name}, annotation {annotation.get('id', '?')}"
            try:
                left, top, width, height = _sides(annotation)
                category = _key(annotation["category_id"])
                share = float(annotation.get("hidden", 0.0))
                if not 0 <= share <= 1:
                    raise ValueError(f"hidden {share}")
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                self._note(ProblemKind.UNREADABLE_ROW, f"{location}: {_reason(error)}")
                continue
            box = (left, top, left + width, top + height)
            if annotation.get("iscrowd") or annotation.get("ignore"):
                ignored.append(box)
            elif category not in self._names:
                self._note(ProblemKind.UNKNOWN_CLASS, f"{location}, category {category}")
                ignored.append(box)
            else:
                boxes.append(box)
                labels.append(self._names[category])
                hidden.append(share)
        return (
            np.array(boxes, np.float64).reshape(-1, 4),
            labels,
            np.array(hidden, np.float64),
            np.array(ignored, np.float64).reshape(-1, 4),
        )

    def _image_folders(self) -> list[Path]:
        root = self._tree.root
        inner = [*self._tree.folders(root), *self._tree.folders(root / IMAGES)]
        of_split = [folder for folder in inner if split_of(folder.name) == self._split]
        parent = self._file.parent
        folders = [parent, parent / IMAGES, *of_split, root, root / IMAGES, *inner]
        return list(dict.fromkeys([*folders, *(folder / IMAGES for folder in inner)]))

    def _note(self, kind: ProblemKind, location: str) -> None:
        self._problems.append(Problem(kind, f"{self._name}: {location}"))


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _sides(annotation: dict[str, Any]) -> tuple[float, float, float, float]:
    """Returns left, top, width and height from ``bbox`` or, without one, from the polygons."""
    sides = annotation.get("bbox")
    if sides:
        if len(sides) != 4:
            raise ValueError(f"bbox of {len(sides)} numbers")
        left, top, width, height = map(float, sides)
        return left, top, width, height
    polygons = annotation.get("segmentation")
    if not isinstance(polygons, list) or not any(polygons):
        raise KeyError("bbox")
    if any(len(each) % 2 for each in polygons):
        raise ValueError("polygon with an odd number of coordinates")
    points = np.array([value for each in polygons for value in each], np.float64).reshape(-1, 2)
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    return left, top, right - left, bottom - top


def _key(value: object) -> str:
    """Returns an id, which is a number or a text, as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise TypeError(f"id {value!r} is neither a number nor a text")
    return str(value)
