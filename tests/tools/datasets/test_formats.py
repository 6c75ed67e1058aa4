from __future__ import annotations

import gc
from pathlib import Path

import pytest

from stages.errors import ConfigError
from tools.datasets.formats import read_data_set


def test_folder_without_a_data_set_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no data set folder"):
        read_data_set(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"is not a data set: expected annotations\.json"):
        read_data_set(tmp_path)


def test_folder_with_two_formats_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "MVI_1.xml").touch()
    (tmp_path / "M0101_gt_whole.txt").touch()
    with pytest.raises(ConfigError, match="holds both UA-DETRAC and UAVDT; name one of them"):
        read_data_set(tmp_path)


def test_data_set_without_usable_images_reports_why(tmp_path: Path) -> None:
    (tmp_path / "M0101").mkdir()
    (tmp_path / "M0101" / "img000001.jpg").touch()
    (tmp_path / "M0102_gt_whole.txt").touch()
    only = r"\(uavdt\); annotated sequence without images: \S+M0102_gt_whole\.txt"
    with pytest.raises(ConfigError, match=rf"{only} and 1 more problem$"):
        read_data_set(tmp_path)
    (tmp_path / "M0101" / "img000001.jpg").unlink()
    with pytest.raises(ConfigError, match=rf"{only}$"):
        read_data_set(tmp_path)
    assert gc.isenabled()


def test_reason_is_a_problem_that_leaves_images_out(tmp_path: Path) -> None:
    (tmp_path / "M0101").mkdir()
    (tmp_path / "M0101" / "img000001.jpg").touch()
    (tmp_path / "M0101_gt_whole.txt").write_text("1,1,10,10,20,15,1,1,1\n")
    with pytest.raises(
        ConfigError,
        match=r"image \(uavdt\); image that does not open: .*img000001\.jpg.* and 2 more problems$",
    ):
        read_data_set(tmp_path)
