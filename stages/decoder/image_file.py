"""Reads image files, and rejects truncated ones."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np

from stages.errors import SourceError, reason_of
from stages.records import UInt8Array

_JPEG_START = b"\xff\xd8"
# Starts a segment or marks the end; other markers occur in pixel data, where FF is written FF 00.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_JPEG_END = b"\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"


def read_image(path: str | os.PathLike[str], *, gray: bool = False) -> UInt8Array:
    """Returns the image as ``(H, W, 3)`` uint8 BGR, or ``(H, W)`` if ``gray``.

    A truncated JPEG file, which OpenCV would fill with grey, is rejected.

    Raises:
        SourceError: The file cannot be read, is truncated, is not an image, is too large, or has
            samples of more than 16 bits.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read image {path}: {reason_of(error)}") from error
    if _is_cut_off(data):
        raise SourceError(f"cannot read image {path}: the file is cut off")
    image = unchanged = None
    if data:
        how = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
        content = np.frombuffer(data, np.uint8)
        try:
            image = cv2.imdecode(content, how)
            if image is None:
                unchanged = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        except cv2.error as error:  # mostly about the size in its header
            raise SourceError(
                f"cannot read image {path}: damaged, or too large for OpenCV"
            ) from error
    if unchanged is not None and unchanged.itemsize > 2:
        raise SourceError(
            f"cannot read image {path}: its samples have {8 * unchanged.itemsize} bits; convert "
            f"it to 8 or 16 bits"
        )
    if image is None:
        raise SourceError(f"cannot read image {path}: not an image, or damaged")
    return np.asarray(image, np.uint8)


def image_count(path: Path) -> int:
    """Returns the number of images in a file: a TIFF or an animated WebP or PNG may have many."""
    return cv2.imcount(str(path))


def _is_cut_off(data: bytes) -> bool:
    """Returns whether a JPEG or PNG file lacks its end; OpenCV checks other formats itself."""
    if data.startswith(_JPEG_START):
        return not _jpeg_ends(data)
    return data.startswith(_PNG_START) and data.rfind(_PNG_END) < 0


def _jpeg_ends(data: bytes) -> bool:
    """Returns whether a JPEG's segments end with its end marker (ITU-T T.81).

    A thumbnail in a segment has an end marker of its own. Phones append a video after the end, and
    cameras append notes.
    """
    at = len(_JPEG_START)
    while marker := _JPEG_MARKER.search(data, at):
        if marker[1] == _JPEG_END:
            return True
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return False
