"""Names of files in folders, each folder listed once."""

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
"""What users call each split."""
_SPLIT = re.compile(r"(?<![a-z])(train|valid|val|test)(?:ation|ing)?(?![a-z])")


class FolderTree:
    """A folder and what lies under it; a data set has hundreds of thousands of files.

    A folder is listed at its first use, and the listing is cached.

    Attributes:
        root: The folder.
        name: Its own name, however the path to it was written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.resolve().name
        self._list = cache(_list)

    def files(self, folder: Path) -> frozenset[str]:
        """Names of the files in ``folder``; none where it cannot be listed."""
        return self._list(os.path.normpath(folder))[0]

    def has(self, path: Path) -> bool:
        """Whether there is such a file."""
        folder, name = os.path.split(os.path.normpath(path))
        return name in self._list(folder)[0]

    def folders(self, folder: Path) -> list[Path]:
        """Folders in ``folder``, sorted, without hidden ones."""
        names = self._list(os.path.normpath(folder))[1]
        return [folder / name for name in names if not name.startswith(".")]

    def walk(self) -> Iterator[Path]:
        """The root and all folders under it but those of masks, each once, links followed."""
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
        """Image files in ``folder``, sorted by name; not the sheet of a check of that folder."""
        names = sorted(filter(is_image, self.files(folder)))
        sheet = sheet_name(folder)
        return [folder / name for name in names if name != sheet]

    def sequence(self, folder: Path) -> str:
        """The sequence whose images lie in ``folder``, however the path to the root was written."""
        return sequence_of(Path(os.path.abspath(folder)))  # noqa: PTH100 (links keep their names)

    def scene(self, image: Path) -> str:
        """The scene of a single image: its path without its suffix and folders ``images``."""
        try:
            parts = image.relative_to(self.root).with_suffix("").parts
        except ValueError:  # outside the root
            return image.stem
        return "/".join([*(part for part in parts[:-1] if part != IMAGES), parts[-1]])

    def mask(self, scene: str, image: Path) -> Path | None:
        """The foreground mask of an image of ``scene``, where ``spotstream segment`` made one."""
        if scene.partition("/")[0] not in self._mask_scenes:
            return None
        path = self.root / MASKS / scene / f"{image.stem}.png"
        return path if self.has(path) else None

    @cached_property
    def _mask_scenes(self) -> frozenset[str]:
        """Avoids a lookup of each image's folder where every image is a scene."""
        return frozenset(folder.name for folder in self.folders(self.root / MASKS))


def _list(folder: str) -> tuple[frozenset[str], list[str]]:
    """Returns the names of files, and those of folders, sorted."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
    except PermissionError:
        log.warning("left out, since this user may not read it: %s", folder)
    except (OSError, ValueError):  # no folder can have this name, of a list in UTF-16 for example
        pass
    return frozenset(files), sorted(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to what may not be seen
        return False


def is_image(name: str) -> bool:
    """Whether a file of this name is one of the images that can be read, and not hidden."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return suffix in IMAGE_SUFFIXES and not name.startswith(".")


def split_of(*names: str) -> str:
    """``"train"``, ``"val"`` or ``"test"``, by the first name that says so; else ""."""
    for name in names:
        found = _SPLIT.search(name.lower())
        if found is not None:
            return "val" if found[1] == "valid" else found[1]
    return ""
