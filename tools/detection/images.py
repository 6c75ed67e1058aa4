"""Images that a user names individually or by folder."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stages.decoder.image_file import read_image
from stages.decoder.image_folder import image_files
from stages.decoder.source_folders import VIDEO_SUFFIXES
from stages.errors import SourceError
from stages.records import UInt8Array


def image_paths(path: Path) -> list[Path]:
    """Returns ``path`` itself or, for a folder, the images in it.

    Raises:
        SourceError: There is no image.
    """
    if not path.exists():
        raise SourceError(f"no such image or folder: {path}")
    if not path.is_dir():
        if path.suffix.lower() in VIDEO_SUFFIXES:
            command = f"`spotstream run {shlex.quote(str(path))}`"
            raise SourceError(f"{path} is a video; {command} detects in it and tracks")
        return [path]
    found = image_files(path)
    if not found:
        raise SourceError(f"{path} holds no images")
    return found


def read_images(
    paths: Iterable[Path], unreadable: Callable[[str], None]
) -> Iterator[tuple[Path, UInt8Array]]:
    """Yields each readable image; calls ``unreadable`` with a message for each of the others."""
    for path in paths:
        try:
            yield path, read_image(path)
        except SourceError as error:
            unreadable(str(error))
