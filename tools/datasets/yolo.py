"""Reads YOLO folders: ``images`` and ``labels`` side by side, described by a ``data.yaml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stages.errors import ConfigError, SourceError, reason_of
from stages.wording import counted
from tools.datasets.boxes import cut_boxes, cut_regions
from tools.datasets.folder_tree import SPLITS, FolderTree
from tools.datasets.image_size import image_size
from tools.datasets.sample import DataSet, Problem, ProblemKind, Sample
from tools.datasets.yolo_labels import LABELS, label_file, read_labels


def yolo_file(tree: FolderTree) -> Path | None:
    """Returns the YAML file in the root that names images: ``data.yaml``, else the first."""
    names = sorted(tree.files(tree.root), key=lambda name: (name != "data.yaml", name))
    for name in names:
        if name.endswith((".yaml", ".yml")) and _describes_images(tree.root / name):
            return tree.root / name
    return None


def read_yolo(tree: FolderTree, file: Path) -> DataSet:
    """Reads the images that ``train``, ``val`` and ``test`` of a YAML file name, in this order.

    ``valid`` and ``validation`` mean ``val``. With ``kpt_shape``, label lines end with keypoints.
    Labels are read by `read_labels`. An image whose label file is missing or empty has no objects;
    one whose label file cannot be read is left out. A box whose class is not in ``names`` is
    ignored. Every image is a scene.

    Raises:
        ConfigError: The YAML file is broken, or names no classes or no images.
    """
    description = _Description.read(tree, file)
    problems = [
        Problem(ProblemKind.STATED_TWICE, f"{file}: class {name}")
        for name, times in Counter(description.names.values()).items()
        if times > 1
    ]
    samples: list[Sample] = []
    seen: set[Path] = set()
    for split in SPLITS:
        for path in description.images(split, problems):
            if path in seen:
                problems.append(Problem(ProblemKind.STATED_TWICE, f"{path}, again in {split}"))
                continue
            seen.add(path)
            sample = _sample(description, path, split, problems)
            if sample is not None:
                samples.append(sample)
    problems += _labels_without_image(tree, seen)
    samples.sort(key=lambda sample: (sample.scene, str(sample.path)))
    return DataSet(tree.name, tree.root, "yolo", samples, problems)


def _load(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {reason_of(error)}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = file if mark is None else f"{file}:{mark.line + 1}"
        raise ConfigError(f"{location}: {getattr(error, 'problem', None) or 'not YAML'}") from error


def _describes_images(file: Path) -> bool:
    if file.name == "data.yaml":
        return True
    try:
        content = _load(file)
    except ConfigError:
        return False
    return isinstance(content, dict) and "names" in content and "train" in content


@dataclass(frozen=True, slots=True)
class _Description:
    """The content of the YAML file."""

    tree: FolderTree
    file: Path
    names: dict[int, str]
    parts: dict[str, list[str]]
    base: str
    keypoint_columns: int

    @classmethod
    def read(cls, tree: FolderTree, file: Path) -> _Description:
        content = _load(file)
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: expected keys such as names and train")
        given = content.get("names")
        try:
            listed = given if isinstance(given, list) else []
            pairs = given.items() if isinstance(given, dict) else enumerate(listed)
            names = {int(number): str(name) for number, name in pairs}
        except (TypeError, ValueError):
            names = {}
        if not names:
            raise ConfigError(f"{file}: names must list the classes, got {given!r}")
        if isinstance(count := content.get("nc"), int) and count != len(names):
            raise ConfigError(
                f"{file}: nc is {count}, but names has {counted(len(names), 'class', 'classes')}"
            )
        parts = {}
        for split, keys in SPLITS.items():
            given = [content[key] for key in keys if content.get(key) is not None]
            lists = [part if isinstance(part, list) else [part] for part in given]
            parts[split] = [str(each) for part in lists for each in part]
        if not any(parts.values()):
            raise ConfigError(f"{file}: one of train, val and test must name images")
        base = str(content.get("path") or "")
        return cls(tree, file, names, parts, base, _keypoint_columns(file, content))

    def images(self, split: str, problems: list[Problem]) -> Iterator[Path]:
        """Yields the images of a split: in its folders, at any depth, or named in its lists."""
        for part in self.parts[split]:
            found = self._find(part)
            if found is None:
                problem = f"{self.file.name}: {split}: {part}"
                problems.append(Problem(ProblemKind.MISSING_IMAGE, problem))
            elif found.suffix == ".txt":
                yield from self._listed(found, problems)
            else:
                for folder in FolderTree(found).walk():
                    yield from self.tree.images(folder)

    def _find(self, part: str) -> Path | None:
        """Returns the path of ``part``; exported files name folders of the exporting machine."""
        root = self.tree.root
        below = part
        while below.startswith(("../", "./")):
            below = below.partition("/")[2]
        for path in (root / self.base / part, root / part, root / below):
            if path.is_dir() or (path.suffix == ".txt" and path.is_file()):
                return path
        return None

    def _listed(self, file: Path, problems: list[Problem]) -> Iterator[Path]:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            candidates = [file.parent / line.strip(), self.tree.root / line.strip()]
            path = next((each for each in candidates if self.tree.has(each)), None)
            if path is None:
                location = f"{file.name}:{number}: {line.strip()}"
                problems.append(Problem(ProblemKind.MISSING_IMAGE, location))
            else:
                yield path


def _keypoint_columns(file: Path, content: dict[str, Any]) -> int:
    """Returns the number of values that describe an object's keypoints, from ``kpt_shape``."""
    given = content.get("kpt_shape")
    match given:
        case None:
            return 0
        case [int(count), int(values)] if count > 0 and values > 0:
            return count * values
    raise ConfigError(f"{file}: kpt_shape must be two numbers such as [17, 3], got {given!r}")


def _sample(
    description: _Description, path: Path, split: str, problems: list[Problem]
) -> Sample | None:
    tree, names = description.tree, description.names
    try:
        width, height = image_size(path)
    except SourceError as error:
        problems.append(Problem(ProblemKind.UNREADABLE_IMAGE, str(error)))
        return None
    file = label_file(path)
    if not tree.has(file):
        problems.append(Problem(ProblemKind.NO_LABEL_FILE, str(file)))
    try:
        numbers, boxes, lines = (
            read_labels(file, problems, description.keypoint_columns)
            if tree.has(file)
            else ([], [], [])
        )
    except ConfigError as error:
        problems.append(Problem(ProblemKind.UNREADABLE_FILE, str(error)))
        return None
    corners = np.array(boxes, np.float64).reshape(-1, 4) * [width, height, width, height]
    known = np.array([number in names for number in numbers], np.bool_)
    for row in np.flatnonzero(~known):
        location = f"{file}:{lines[row]}: class {numbers[row]}"
        problems.append(Problem(ProblemKind.UNKNOWN_CLASS, location))
    cut = cut_boxes(corners, np.zeros(len(corners)), width, height)
    problems += [Problem(kind, f"{file}:{lines[row]}") for kind, row in cut.faults]
    kept = cut.usable & known
    scene = tree.scene(path)
    return Sample(
        path,
        scene,
        None,
        width,
        height,
        cut.boxes[kept],
        tuple(names[numbers[row]] for row in np.flatnonzero(kept)),
        cut.hidden[kept],
        cut_regions(corners[~known], width, height),
        tree.mask(scene, path),
        {"split": split},
    )


def _labels_without_image(tree: FolderTree, images: set[Path]) -> Iterator[Problem]:
    expected: dict[Path, set[str]] = {}
    for path in images:
        file = label_file(path)
        expected.setdefault(file.parent, set()).add(file.name)
    for folder, names in sorted(expected.items()):
        if LABELS in folder.parts:
            for name in sorted(tree.files(folder) - names):
                if name.endswith(".txt") and name != "classes.txt":
                    yield Problem(ProblemKind.MISSING_FRAME, str(folder / name))
