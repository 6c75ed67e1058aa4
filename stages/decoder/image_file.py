"""Image files, read whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np

from stages.errors import SourceError, reason_of
from stages.records import UInt8Array

_JPEG_START = b"\xff\xd8"
# Of a segment, or the end; others stand between pixels, where FF itself is followed by 00.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_JPEG_END = b"\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"


def read_image(path: str | os.PathLike[str], *, gray: bool = False) -> UInt8Array:
    """Returns the image as ``(H, W, 3)`` uint8 BGR, or ``(H, W)`` if ``gray``.

    A truncated JPEG file, which OpenCV would fill up with grey, is rejected.

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
        except cv2.error as error:  # the size that its header states, above all
            raise SourceError(
                f"cannot read image {path}: damaged, or too large for OpenCV"
            ) from error
    if unchanged is not None and unchanged.itemsize > 2:
        raise SourceError(
            f"cannot read image {path}: its samples are of {8 * unchanged.itemsize} bits; convert "
            f"it to 8 or 16 bits"
        )
    if image is None:
        raise SourceError(f"cannot read image {path}: not an image, or damaged")
    return np.asarray(image, np.uint8)


def picture_count(path: Path) -> int:
    """Returns the number of pictures in an image file: a TIFF or animated WebP or PNG has many."""
    return cv2.imcount(str(path))


def _is_cut_off(data: bytes) -> bool:
    """Returns whether a JPEG or PNG file lacks its end; OpenCV itself rejects other formats."""
    if data.startswith(_JPEG_START):
        return not _jpeg_ends(data)
    return data.startswith(_PNG_START) and data.rfind(_PNG_END) < 0


def _jpeg_ends(data: bytes) -> bool:
    """Returns whether a JPEG's end follows its segments (ITU-T T.81), whatever comes after it.

    The segments hold a small picture with an end of its own; phones append a video, cameras notes.
    """
    at = len(_JPEG_START)
    while marker := _JPEG_MARKER.search(data, at):
        if marker[1] == _JPEG_END:
            return True
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return False
