"""Image files: read whole or not at all, written whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np

from stages.errors import ConfigError, SourceError
from stages.records import UInt8Array
from stages.sink.atomic import make_folder, output_error, part_path, publish, sync

_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def read_image(path: Path, *, gray: bool = False) -> UInt8Array:
    """``(H, W, 3)`` uint8 BGR, or ``(H, W)`` where ``gray``.

    OpenCV fills up a JPEG file that is cut off with grey; here it is refused.

    Raises:
        SourceError: The file cannot be read, is cut off, or is no image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SourceError(f"cannot read image {path}: {reason}") from error
    if data.startswith(_JPEG_START) and data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN):
        raise SourceError(f"cannot read image {path}: the file is cut off")
    image = None
    if data:
        how = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise SourceError(f"cannot read image {path}: not an image, or damaged")
    return np.asarray(image, np.uint8)


def write_image(path: Path, image: UInt8Array, *, jpeg_quality: int = 95) -> None:
    """Writes ``image`` ``(H, W, 3)`` BGR or ``(H, W)`` in the format that the suffix names.

    The file has its name only when it is complete; its folder is created where missing.

    Args:
        path: The file.
        image: Its pixels.
        jpeg_quality: Of a JPEG file, up to 100.

    Raises:
        ConfigError: No image format has this suffix.
        OutputError: The file system refuses.
    """
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    parameters = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if is_jpeg else []
    try:
        done, data = cv2.imencode(path.suffix, image, parameters)
    except cv2.error:
        done = False
    if not done:
        raise ConfigError(f"cannot write {path}: {path.suffix!r} is no image format; try .jpg")
    make_folder(path.parent)
    part = part_path(path)
    try:
        part.write_bytes(data.tobytes())
        sync(part)
        publish(path)
    except BaseException as error:  # an interrupt too
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise
