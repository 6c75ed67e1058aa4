"""Cached listings of the folders of a data set."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

from stages.decoder.image_folder import IMAGE_SUFFIXES, sheet_name
from stages.decoder.source_folders import MASKS, sequence_of

log = logging.getLogger(__name__)

IMAGES = "images"
SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Names that users give to each split."""
_SPLIT = re.compile(r"(?<![a-z])(train|valid|val|test)(?:ation|ing)?(?![a-z])")


class FolderTree:
    """A folder and its content, which may be hundreds of thousands of files.

    Each folder is listed at its first use, and the listing is cached.

    Attributes:
        root: The folder.
        name: Name of the folder, whatever path was given to it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.resolve().name
        self._list = cache(_list)

    def files(self, folder: Path) -> frozenset[str]:
        """Returns the names of the files in ``folder``; empty if it cannot be listed."""
        return self._list(os.path.normpath(folder))[0]

    def has(self, path: Path) -> bool:
        """Returns whether the file exists."""
        folder, name = os.path.split(os.path.normpath(path))
        return name in self._list(folder)[0]

    def folders(self, folder: Path) -> list[Path]:
        """Returns the folders in ``folder``, sorted, without hidden ones."""
        names = self._list(os.path.normpath(folder))[1]
        return [folder / name for name in names if not name.startswith(".")]

    def walk(self) -> Iterator[Path]:
        """Yields the root and all folders under it except masks, each once, following links."""
        waiting, seen = [self.root], set()
        while waiting:
            folder = waiting.pop()
            real = os.path.realpath(folder)
            if real in seen:
                continue
            seen.add(real)
            yield folder
            waiting += [inner for inner in reversed(self.folders(folder)) if inner.name != MASKS]

    def images(self, folder: Path) -> list[Path]:
        """Returns the image files in ``folder``, sorted by name, without its contact sheet."""
        names = sorted(filter(is_image, self.files(folder)))
        sheet = sheet_name(folder)
        return [folder / name for name in names if name != sheet]

    def sequence(self, folder: Path) -> str:
        """Returns the sequence whose images are in ``folder``, whatever path to it was given."""
        return sequence_of(Path(os.path.abspath(folder)))  # noqa: PTH100 (links keep their names)

    def scene(self, image: Path) -> str:
        """Returns the scene of a single image: its path without suffix and ``images`` folders."""
        try:
            parts = image.relative_to(self.root).with_suffix("").parts
        except ValueError:  # outside the root
            return image.stem
        return "/".join([*(part for part in parts[:-1] if part != IMAGES), parts[-1]])

    def mask(self, scene: str, image: Path) -> Path | None:
        """Returns the mask that ``spotstream segment`` made for an image of ``scene``, if any."""
        if scene.partition("/")[0] not in self._mask_scenes:
            return None
        path = self.root / MASKS / scene / f"{image.stem}.png"
        return path if self.has(path) else None

    @cached_property
    def _mask_scenes(self) -> frozenset[str]:
        """Scenes with masks; saves a lookup per image where every image is a scene."""
        return frozenset(folder.name for folder in self.folders(self.root / MASKS))


def _list(folder: str) -> tuple[frozenset[str], list[str]]:
    """Returns the names of files, and the sorted names of folders."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
    except PermissionError:
        log.warning("left out, since this user may not read it: %s", folder)
    except (OSError, ValueError):  # not a possible name, for example from a list in UTF-16
        pass
    return frozenset(files), sorted(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself or to an inaccessible path
        return False


def is_image(name: str) -> bool:
    """Returns whether the name is that of a readable image format, and not hidden."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return suffix in IMAGE_SUFFIXES and not name.startswith(".")


def split_of(*names: str) -> str:
    """Returns ``"train"``, ``"val"`` or ``"test"``, from the first name that says so; else ""."""
    for name in names:
        found = _SPLIT.search(name.lower())
        if found is not None:
            return "val" if found[1] == "valid" else found[1]
    return ""
