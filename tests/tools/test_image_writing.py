from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stages.decoder.image_file import read_image
from stages.errors import ConfigError, OutputError
from tools.image_writing import write_image


def test_written_images_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mask.png"
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    write_image(path, image)
    assert [file.name for file in path.parent.iterdir()] == ["mask.png"]
    assert (read_image(path, gray=True) == image).all()
    with pytest.raises(ConfigError, match=r"'\.xyz' is not an image format"):
        write_image(tmp_path / "a.xyz", image)
    with pytest.raises(ConfigError, match=r"'\.PGM' is not an image format with colours"):
        write_image(tmp_path / "a.PGM", np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"a.jp\xe9"])
def test_names_need_not_be_utf_8(tmp_path: Path, name: bytes) -> None:
    path, image = tmp_path / os.fsdecode(name), np.zeros((8, 8, 3), np.uint8)
    if path.suffix == ".jpg":
        write_image(path, image)
        assert path.stat().st_size > 100
    else:
        with pytest.raises(ConfigError, match="is not an image format"):
            write_image(path, image)


def test_full_disk_is_an_error_and_leaves_no_file(full_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    with pytest.raises(OutputError, match="no space left on device"):
        write_image(full_disk / "a.png", noise)
    assert list(full_disk.iterdir()) == []


def test_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "sheet.jpg").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*sheet\.jpg"):
        write_image(tmp_path / "sheet.jpg", np.zeros((8, 8, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.jpg"]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_quality_applies_to_every_jpeg_suffix(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    sizes = []
    for quality in (20, 95):
        write_image(tmp_path / f"a{suffix}", noise, jpeg_quality=quality)
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
    assert sizes[0] < sizes[1] / 2
