"""Tracks in the matrices of UA-DETRAC's toolkit; scores of them are tested with `evaluate`."""

from pathlib import Path

from tools.annotations.detrac_matrices import read_matrices


def test_a_box_may_begin_outside_the_frame(tmp_path: Path) -> None:
    for part, value in (("LX", -3), ("LY", 4), ("W", 9), ("H", 9)):
        (tmp_path / f"A_{part}.txt").write_text(f"{value}\n")
    assert read_matrices(tmp_path / "A_LX.txt").boxes.tolist() == [[-3, 4, 6, 13]]
