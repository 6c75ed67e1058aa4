from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from stages.errors import ConfigError
from stages.number_table import BeyondSequenceError, NumberTable


def read(path: Path, text: str | bytes, min_columns: int = 2) -> NumberTable:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return NumberTable.read(path, min_columns, "detections")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.txt"


@pytest.mark.parametrize(
    "text",
    ["1,2.5\n3,-4e-3\n", "1, 2.5\r\n3, -4e-3\r\n", "\n1,2.5\n\n3,-4e-3", "\ufeff1,2.5\n3,-0.004\n"],
)
def test_reads_numbers(path: Path, text: str) -> None:
    assert read(path, text).values.tolist() == [[1, 2.5], [3, -0.004]]


@pytest.mark.parametrize("text", ["", "\n", "  \r\n"])
def test_a_file_without_lines_is_empty(path: Path, text: str) -> None:
    table = read(path, text, 7)
    assert table.values.shape == (0, 7)
    assert len(table.frame_indices()) == 0


def test_one_line_is_a_table(path: Path) -> None:
    assert read(path, "1,2").values.shape == (1, 2)


def test_gzip_files_are_read_and_broken_ones_reported(tmp_path: Path) -> None:
    path = tmp_path / "table.txt.gz"
    assert read(path, gzip.compress(b"1,2\n")).values.tolist() == [[1, 2]]
    with pytest.raises(ConfigError, match=r"cannot read detections .*table.txt.gz: broken gzip"):
        read(path, gzip.compress(b"1,2\n" * 50)[:-9])
    with pytest.raises(ConfigError, match="broken gzip"):
        read(path, b"1,2\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n\n1,2,3\n", ":3: expected 2 columns as in the lines before, got 3"),
        ("1,2\n1\n", ":2: expected at least 2 columns, got 1"),
        ("1\n2\n", ":1: expected at least 2 columns, got 1"),
        ("1,2\n1,x\n", ":2: column 2 must be a finite number of 32 bits, got 'x'"),
        ("1,2\n\n1,\n", ":3: column 2 must be a finite number of 32 bits, got ''"),
        ("1,2\nnan,1\n", ":2: column 1 must be a finite number of 32 bits, got 'nan'"),
        ("1,2\n1,inf\n", ":2: column 2 must be a finite number of 32 bits, got 'inf'"),
        ("1,2\n1,1e39\n", ":2: column 2 must be a finite number of 32 bits, got '1e39'"),
        ("1,2\n1,1_0\n", ":2: column 2 must be a finite number of 32 bits, got '1_0'"),
        ("1;2\n", ":1: expected at least 2 columns, got 1; columns are separated by commas"),
        ("1\t2\n", ":1: expected at least 2 columns, got 1; columns are separated by commas"),
        (b"\xff\xfe1", "table.txt: not a text file"),
    ],
)
def test_error_names_the_bad_line(path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(path, text)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_or_folder_is_reported(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read detections .*: no such file"):
        NumberTable.read(path, 2, "detections")
    with pytest.raises(ConfigError, match="is a directory"):
        NumberTable.read(path.parent, 2, "detections")


@pytest.mark.parametrize("frame", ["0", "-1", "1.5", "10000001"])
def test_frame_numbers_are_whole_and_positive(path: Path, frame: str) -> None:
    assert read(path, "3,0\n1,0\n").frame_indices().tolist() == [2, 0]
    with pytest.raises(ConfigError, match=rf"txt:4: frame must be a whole number .*, got {frame}$"):
        read(path, f"1,0\n\n2,0\n{frame},0\n").frame_indices()
    with pytest.raises(BeyondSequenceError, match="frame 9999999 lies beyond"):
        read(path, "9999999,0\n").frame_indices(9)


def test_reject_names_the_first_bad_row(path: Path) -> None:
    table = read(path, "1,5\n\n2,-6\n3,-7\n")
    table.reject(table.values[:, 1] > 9, str)
    with pytest.raises(ConfigError, match=r"table.txt:3: got -6$"):
        table.reject(table.values[:, 1] < 0, lambda row: f"got {row[1]:g}")


def test_values_are_float64(path: Path) -> None:
    assert read(path, "1,2").values.dtype == np.float64
