"""Width and height of an image file, from its header where that is quick."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from stages.decoder.image_file import read_image
from stages.errors import SourceError, reason_of

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_ORIENTATION = 0x0112
_ON_ITS_SIDE = range(5, 9)  # orientations that swap rows and columns
_NO_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)  # among C0 to CF: tables and an extension


def image_size(path: Path) -> tuple[int, int]:
    """Returns ``(width, height)`` in pixels as in `read_image`, with EXIF orientation applied.

    JPEG (ITU-T T.81) and PNG files are not decoded, unless their headers lack a size; others are.

    Raises:
        SourceError: The file cannot be read or is not an image.
    """
    try:
        with path.open("rb") as file:
            start, size = file.read(8), None
            if start == _PNG:
                size = _png_size(file)
            elif start.startswith(_JPEG):
                file.seek(len(_JPEG))
                size = _jpeg_size(file)
            if size is not None:
                return size
    except OSError as error:
        raise SourceError(f"cannot read image {path}: {reason_of(error)}") from error
    height, width = read_image(path).shape[:2]
    return width, height


def _png_size(file: BinaryIO) -> tuple[int, int] | None:
    """Returns the size of a PNG file, which is positioned after its signature, or None.

    EXIF data may come before or after the pixels.
    """
    header = file.read(25)
    if len(header) < 25:
        return None
    width, height = struct.unpack(">II", header[8:16])
    if not (width and height):
        return None
    while len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == b"eXIf":
            turned = _exif_orientation(file.read(length)) in _ON_ITS_SIDE
            return (height, width) if turned else (width, height)
        file.seek(length + 4, 1)
    return width, height


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Returns the size of a JPEG file, which is positioned after its first marker, or None."""
    turned = False
    while True:
        byte = file.read(1)
        if byte != b"\xff":
            return None
        while byte == b"\xff":  # any number of fill bytes
            byte = file.read(1)
        length = file.read(2)
        if len(length) < 2:
            return None
        marker, size = byte[0], struct.unpack(">H", length)[0] - 2
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS:
            header = file.read(5)
            if len(header) < 5:
                return None
            height, width = struct.unpack(">HH", header[1:])
            if height == 0:  # stated only after the first scan
                return None
            return (height, width) if turned else (width, height)
        if marker == 0xE1:
            exif = file.read(size).removeprefix(b"Exif\0\0")
            turned = turned or _exif_orientation(exif) in _ON_ITS_SIDE
        else:
            file.seek(size, 1)


def _exif_orientation(tiff: bytes) -> int:
    """Returns the EXIF orientation, 1 to 8; 0 if there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        return 0
    return 0
