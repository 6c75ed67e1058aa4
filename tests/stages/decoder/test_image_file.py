import struct
import zlib

import cv2
import numpy as np
import pytest

from stages.decoder.image_file import read_image
from stages.errors import SourceError


@pytest.mark.parametrize(
    ("suffix", "options", "reason"),
    [
        (".jpg", [], "the file is cut off"),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], "the file is cut off"),
        (".png", [], "the file is cut off"),
        (".bmp", [], "not an image, or damaged"),
        (".webp", [], "not an image, or damaged"),
        (".tif", [], "not an image, or damaged"),
    ],
)
def test_an_image_is_read_whole_or_not_at_all(tmp_path, capfd, suffix, options, reason):
    image = np.random.default_rng(0).integers(0, 255, (54, 96, 3), np.uint8)
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), image, options)
    whole = path.read_bytes()
    assert read_image(path).shape == (54, 96, 3)
    assert read_image(str(path), gray=True).shape == (54, 96)
    for size in (len(whole) - 20, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(SourceError, match=rf"cannot read image .*: {reason}"):
            read_image(path)
    if reason == "the file is cut off":
        assert capfd.readouterr().err == ""  # libjpeg and libpng would report it as well


def test_an_absurd_image_size_in_a_header_is_refused(tmp_path):
    path = tmp_path / "a.png"
    assert cv2.imwrite(str(path), np.zeros((54, 96, 3), np.uint8))
    png = bytearray(path.read_bytes())
    png[16:24] = struct.pack(">II", 60_000, 60_000)  # width and height
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    path.write_bytes(png)
    with pytest.raises(SourceError, match=r"cannot read image .*a\.png: damaged, or too large"):
        read_image(path)


@pytest.mark.parametrize(
    ("samples", "bits"),
    [(np.int32, 32), (np.float64, 64), (np.uint16, 0)],  # some releases of OpenCV read float32
)
@pytest.mark.parametrize("gray", [True, False])
def test_samples_of_too_many_bits_are_refused(tmp_path, samples, bits, gray):
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), np.ones((54, 96, 3), samples))
    if not bits:
        assert read_image(path, gray=gray).dtype == np.uint8
        return
    with pytest.raises(SourceError, match=rf"a\.tif: its samples have {bits} bits; convert it to"):
        read_image(path, gray=gray)


def test_data_after_an_image_is_ignored(tmp_path):
    for name in ("a.jpg", "a.png"):
        path = tmp_path / name
        assert cv2.imwrite(str(path), np.zeros((54, 96, 3), np.uint8))
        image = path.read_bytes()
        for appended in (bytes(10_000), b"\xff\xd9\xff\xda", b"IEND\xff\xda"):
            path.write_bytes(image + appended)
            assert read_image(path).shape == (54, 96, 3)


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]])
def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_jpeg(tmp_path, options):
    thumbnail = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    image = np.random.default_rng(0).integers(0, 255, (54, 96, 3), np.uint8)
    whole = cv2.imencode(".jpg", image, options)[1].tobytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:2] + segment + whole[2:])
    assert read_image(path).shape == (54, 96, 3)
    for end in range(2 + len(segment), len(whole), 97):
        path.write_bytes(whole[:2] + segment + whole[2:end])
        with pytest.raises(SourceError, match="the file is cut off"):
            read_image(path)
