from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import ConfigError
from tools.annotations.ground_truths import Benchmark, read_ground_truths


@pytest.mark.parametrize(
    ("benchmark", "file", "message"),
    [
        ("uavdt", "seq/gt/gt.txt", r"has no \*_gt.txt; its files are those of mot$"),
        ("uavdt", "MVI_20011.xml", r"has no \*_gt.txt; its files are those of detrac$"),
        ("detrac", "M0203_gt.txt", r"has no \*.xml; its files are those of uavdt$"),
        ("mot", "MVI_20011.xml", r"has no \*/gt/gt.txt and no \*.txt; its files are those of det"),
        ("detrac", "notes.md", r"has no \*.xml$"),
    ],
)
def test_files_of_another_benchmark_are_reported(
    tmp_path: Path, benchmark: str, file: str, message: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(ConfigError, match=message):
        read_ground_truths(benchmark, tmp_path)


def test_ground_truth_that_is_not_a_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "A.xml").write_text('<sequence name="A"/>')
    with pytest.raises(ConfigError, match=r"ground truth .*A\.xml is not a folder$"):
        read_ground_truths("detrac", tmp_path / "A.xml")


def test_two_files_of_one_sequence_are_rejected(tmp_path: Path) -> None:
    for file, name in (("a", "B"), ("b", "A"), ("c", "B")):
        (tmp_path / f"{file}.xml").write_text(f'<sequence name="{name}"/>')
    with pytest.raises(ConfigError, match=r"holds two files for sequence B$"):
        read_ground_truths("detrac", tmp_path)
    (tmp_path / "c.xml").unlink()
    assert [truth.name for truth in read_ground_truths("detrac", tmp_path)] == ["A", "B"]


@pytest.mark.parametrize("kind", ["whole", "ignore"])
def test_sequence_without_its_track_file_is_an_error(tmp_path: Path, kind: str) -> None:
    for name in ("A_gt", f"B_gt_{kind}"):
        (tmp_path / f"{name}.txt").write_text("1,1,0,0,9,9,1,1,1\n")
    with pytest.raises(ConfigError, match=r"B_gt\.txt"):
        read_ground_truths("uavdt", tmp_path)


@pytest.mark.parametrize(
    ("benchmark", "name", "content"),
    [
        ("detrac", "A.xml", '<sequence name="A"/>'),
        ("uavdt", "A_gt.txt", "1,1,0,0,9,9,1\n"),
        ("mot", "A.txt", "1,1,0,0,9,9,1\n"),
    ],
)
def test_macos_metadata_files_are_ignored(
    tmp_path: Path, benchmark: Benchmark, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7")
    assert [truth.name for truth in read_ground_truths(benchmark, tmp_path)] == ["A"]
