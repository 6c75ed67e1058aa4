"""Writes image files atomically."""

from __future__ import annotations

from pathlib import Path

import cv2

from stages.atomic import replacing
from stages.errors import ConfigError
from stages.records import UInt8Array

_WITHOUT_COLOUR = (".pgm", ".pbm")


def check_image_name(path: Path) -> None:
    """Checks that the suffix names an image format with colours.

    Raises:
        ConfigError: It does not.
    """
    # OpenCV must get ASCII names only: it ends the process if a name is not UTF-8.
    can_write = path.suffix.isascii() and cv2.haveImageWriter(f"image{path.suffix}")
    if not can_write or path.suffix.lower() in _WITHOUT_COLOUR:
        raise ConfigError(
            f"cannot write {path}: {path.suffix!r} is not an image format with colours like .jpg"
        )


def write_image(path: Path, image: UInt8Array, *, jpeg_quality: int = 95) -> None:
    """Writes ``image`` ``(H, W, 3)`` BGR or ``(H, W)`` in the format that the suffix names.

    The file gets its name only when it is complete; its folder is created if missing.

    Args:
        path: The file.
        image: Its pixels.
        jpeg_quality: Quality of a JPEG file, up to 100.

    Raises:
        ConfigError: The suffix names no image format with colours, or the format cannot hold the
            image.
        OutputError: The file system refuses.
    """
    check_image_name(path)
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    parameters = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if is_jpeg else []
    encoded, data = cv2.imencode(path.suffix, image, parameters)
    if not encoded:  # such as a JPEG of more than 65,500 pixels a side
        raise ConfigError(f"cannot write {path}: its format cannot hold the image; try .png")
    with replacing(path) as part:
        part.write_bytes(data.tobytes())
