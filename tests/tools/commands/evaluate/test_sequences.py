from __future__ import annotations

import gzip
from pathlib import Path

from tests.tools.commands.evaluate.command import (
    detrac_arguments,
    evaluate,
    refused,
    scores,
    terminal_output,
)


def test_a_terminal_shows_that_annotations_are_read(detrac: Path) -> None:
    arguments = detrac_arguments(detrac)
    assert "reading annotations" in terminal_output(*arguments)


def test_annotations_of_unselected_sequences_are_not_read(detrac: Path) -> None:
    arguments = detrac_arguments(detrac)
    expected = scores(detrac, *arguments)
    (detrac / "gt" / "MVI_1.xml").rename(detrac / "gt" / "MVI_1_v3.xml")
    (detrac / "gt" / "MVI_1_best.xml").write_text("broken")
    (detrac / "det" / "MVI_1_best.txt").write_text("broken")
    arguments += ("--sequence", "MVI_1")
    assert scores(detrac, *arguments)["sequences"] == expected["sequences"]
    assert scores(detrac, *arguments, "--frames", "MVI_1=11")["sequences"].keys() == {"MVI_1"}
    (detrac / "gt" / "MVI_1_best.xml").unlink()
    text = (detrac / "gt" / "MVI_1_v3.xml").read_text()
    (detrac / "gt" / "other.xml").write_text(text.replace("MVI_1", "MVI_2"))
    for name, message in (
        ("MVI_3", "no sequence 'MVI_3' in {}; there are MVI_1, MVI_2"),
        ("other", "no sequence 'other' in {}; there are MVI_1, MVI_2"),
        ("MVI_2", "{}: no file for MVI_2; expected MVI_2.txt or"),
    ):
        folder = detrac / ("det" if name == "MVI_2" else "gt")
        assert message.format(folder) in refused(*arguments[:-1], name)


def test_mot_sequences_without_ground_truth_are_reported(tmp_path: Path) -> None:
    rows = "1,1,0,0,9,9,1,1,1\n"
    for name in ("A", "B", "C", "D"):
        (tmp_path / "gt" / name / "gt").mkdir(parents=True)
        (tmp_path / f"{name}.txt").write_text(rows)
    (tmp_path / "gt" / "A" / "gt" / "gt.txt").write_text(rows)
    (tmp_path / "gt" / "D" / "gt" / "gt.txt.gz").write_bytes(gzip.compress(rows.encode()))
    (tmp_path / "gt" / "C" / "seqinfo.ini").write_text("[Sequence]\nseqLength=7\n")
    (tmp_path / "gt" / "C" / "gt").rmdir()
    (tmp_path / "gt" / "C.txt").write_text(rows)  # not beside folders of sequences
    arguments = ("mot", "--gt", tmp_path / "gt", "--results", tmp_path)
    assert scores(tmp_path, *arguments)["sequences"].keys() == {"A", "D"}
    report = f"{tmp_path / 'gt'}: no gt/gt.txt for B, C; left out"
    assert report in evaluate(*arguments).splitlines()
    assert "left out" not in evaluate(*arguments, "--sequence", "A")
    assert refused(*arguments, "--sequence", "B").startswith("no sequence 'B'")


def test_a_sequence_without_ground_truth_needs_a_length(tmp_path: Path) -> None:
    for folder in ("gt", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "A=1_gt.txt").write_text("")
    (tmp_path / "out" / "A=1.txt").write_text("2,1,0,0,10,10,1\n")
    arguments = ("uavdt", "--gt", tmp_path / "gt", "--results", tmp_path / "out")
    assert "A=1 has no ground truth at all; say how many frames" in refused(*arguments)
    tracking = scores(tmp_path, *arguments, "--frames", "A=1=3")["overall"]["tracking"]
    assert (tracking["FP"], tracking["MOTA"]) == (1, -1)
