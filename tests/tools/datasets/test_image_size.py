from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.decoder.image_file import read_image
from stages.errors import SourceError
from tests.tools.datasets.conftest import write_image
from tools.datasets.image_size import image_size


def exif(orientation: int, order: str) -> bytes:
    """Returns EXIF data whose second tag is the orientation."""
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    tiff += struct.pack(order + "HHHIHH", 2, 0x0100, 3, 1, 7, 0)
    return tiff + struct.pack(order + "HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def with_exif(path: Path, tiff: bytes, *, at_the_end: bool) -> Path:
    """Copies a PNG or JPEG file with EXIF inserted; in a PNG, before or after the pixels."""
    data = path.read_bytes()
    if path.suffix == ".jpg":
        position, body = 2, b"Exif\0\0" + tiff
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    else:
        position, body = len(data) - 12 if at_the_end else 33, b"eXIf" + tiff
        segment = struct.pack(">I", len(tiff)) + body + struct.pack(">I", zlib.crc32(body))
    copy = path.with_stem("turned")
    copy.write_bytes(data[:position] + segment + data[position:])
    return copy


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp", "a.tif"])
def test_the_size_of_an_image(tmp_path: Path, name: str) -> None:
    assert image_size(write_image(tmp_path / name, 64, 37)) == (64, 37)


def test_size_of_a_progressive_jpeg_after_long_segments(tmp_path: Path) -> None:
    image = np.zeros((37, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    comment = b"\xff\xfe" + struct.pack(">H", 60002) + b"\xff\xc0" * 30000
    huffman_table = b"\xff\xc4" + struct.pack(">H", 9) + bytes(7)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:2] + comment * 3 + huffman_table + b"\xff" + data[2:])
    assert image_size(path) == (64, 37)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "at_the_end"), [("a.jpg", False), ("a.png", False), ("a.png", True)]
)
def test_exif_orientation_is_applied_to_the_size(
    tmp_path: Path, name: str, at_the_end: bool, orientation: int, order: str
) -> None:
    image = write_image(tmp_path / name, 64, 37)
    path = with_exif(image, exif(orientation, order), at_the_end=at_the_end)
    width, height = image_size(path)
    assert (height, width) == read_image(path).shape[:2]
    assert (width, height) == ((37, 64) if orientation > 4 else (64, 37))


def test_segment_after_exif_does_not_undo_the_orientation(tmp_path: Path) -> None:
    """Image editors write XMP after EXIF, in a segment of the same kind."""
    turned = with_exif(write_image(tmp_path / "a.jpg", 64, 37), exif(6, "<"), at_the_end=False)
    data, xmp = turned.read_bytes(), b"http://ns.adobe.com/xap/1.0/\0<x/>"
    end = 4 + struct.unpack(">H", data[4:6])[0]
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    turned.write_bytes(data[:end] + segment + data[end:])
    assert image_size(turned) == read_image(turned).shape[1::-1] == (37, 64)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\xff\xd8", b"\xff\xd8\xff\xe1\x00", b"\x89PNG\r\n\x1a\n"]
)
def test_invalid_image_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    for read in (image_size, read_image):
        with pytest.raises(SourceError, match=r"cannot read image .*a\.jpg: "):
            read(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    for read in (image_size, read_image):
        with pytest.raises(SourceError, match="no such file or directory"):
            read(tmp_path / "a.jpg")
