"""Tracks in the matrices of UA-DETRAC's toolkit; scores of them are tested with `evaluate`."""

from pathlib import Path

import pytest

from stages.errors import ConfigError
from tools.annotations.detrac_matrices import read_matrices


def test_a_box_may_begin_outside_the_frame(tmp_path: Path) -> None:
    for part, value in (("LX", -3), ("LY", 4), ("W", 9), ("H", 9)):
        (tmp_path / f"A_{part}.txt").write_text(f"{value}\n")
    assert read_matrices(tmp_path / "A_LX.txt").boxes.tolist() == [[-3, 4, 6, 13]]


@pytest.mark.parametrize(("text", "line"), [("\n5\n", 1), ("5\n5\n \n\n5\n\n", 3)])
def test_a_blank_line_before_a_row_is_refused(tmp_path: Path, text: str, line: int) -> None:
    _write_all(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_matrices(tmp_path / "A_LX.txt")
    assert str(error.value) == (
        f"{tmp_path}/A_LX.txt:{line}: a row must have a number for each track; 0 where it is absent"
    )


@pytest.mark.parametrize(("text", "boxes"), [("5\n5\n\n\n", 2), ("\n\n", 0), ("", 0)])
def test_blank_lines_at_the_end_are_ignored(tmp_path: Path, text: str, boxes: int) -> None:
    _write_all(tmp_path, text)
    assert len(read_matrices(tmp_path / "A_LX.txt").boxes) == boxes


def _write_all(folder: Path, text: str) -> None:
    for part in ("LX", "LY", "W", "H"):
        (folder / f"A_{part}.txt").write_text(text)
