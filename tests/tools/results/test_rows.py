"""The rows in a stream's folder, however its run ended."""

import gzip
import json
from pathlib import Path

import pytest

from stages.atomic import part_path
from stages.errors import ConfigError
from stages.result_files import COUNTS, CROSSINGS, REPORT, TIMES, ZONES, numbered
from tests.stages.decoder.test_source_folders import as_other_users
from tools.results.rows import _opened, folders_with, of_runs, rows, runs_by_stream, stream_of


def read(folder: Path) -> list[tuple[int, str]]:
    return [*rows(folder, TIMES, int, str)]


def test_parts_are_read_in_frame_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / numbered(TIMES, number)).write_text(f"{number},0.5\n")
    assert read(tmp_path) == [(1, "0.5"), (9, "0.5"), (10, "0.5")]


def test_rows_of_a_killed_run_are_read_once_up_to_the_last_whole_line(tmp_path: Path) -> None:
    (tmp_path / TIMES).write_text("1,0.5\n")
    part_path(tmp_path / TIMES).write_text("1,9.9\n")  # a restarted sink was killed
    part_path(tmp_path / numbered(TIMES, 2)).write_text("2,1.0\n3,1.")
    assert read(tmp_path) == [(1, "0.5"), (2, "1.0")]


@pytest.mark.parametrize("row", ["1", "1,0.5,7", "one,0.5", ""])
def test_a_malformed_row_is_reported_by_file_and_line(tmp_path: Path, row: str) -> None:
    (tmp_path / TIMES).write_text(f"1,0.5\n{row}\n")
    with pytest.raises(ConfigError, match=rf"times\.txt:2: not a row of times\.txt: '{row}'"):
        read(tmp_path)


def test_folders_with_countable_results_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, name in (("a", CROSSINGS), ("b/c", numbered(ZONES, 3)), ("d", TIMES)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).touch()
    (tmp_path / "e").mkdir()
    part_path(tmp_path / "e" / CROSSINGS).touch()
    found = [tmp_path / name for name in ("a", "b/c", "e")]
    assert folders_with(COUNTS, [tmp_path]) == found
    assert folders_with(COUNTS, [tmp_path, tmp_path / "a"]) == found
    assert folders_with(COUNTS, [tmp_path / "a"]) == [tmp_path / "a"]
    with monkeypatch.context() as within:
        within.chdir(tmp_path / "a")
        assert [stream_of(path) for path in folders_with(COUNTS, [Path()])] == ["a"]
    (tmp_path / "disks").mkdir()
    (tmp_path / "disks" / "east").symlink_to(tmp_path / "a")
    assert folders_with(COUNTS, [tmp_path / "disks"]) == [tmp_path / "disks" / "east"]
    (tmp_path / "latest").symlink_to(tmp_path / "a")
    assert len(folders_with(COUNTS, [tmp_path, tmp_path / "latest"])) == 3


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444])
def test_folders_that_the_user_may_not_read_are_reported(tmp_path: Path, mode: int) -> None:
    for name in ("east", "west"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CROSSINGS).touch()
    (tmp_path / "west").chmod(mode)
    try:
        printed = as_other_users(f"""
            import sys
            from pathlib import Path
            from tools.results.rows import folders_with

            sys.stderr = sys.stdout
            folder = Path({str(tmp_path)!r})
            print(*folders_with({COUNTS!r}, [folder, folder]))
        """)
    finally:
        (tmp_path / "west").chmod(0o700)
    assert printed.splitlines() == [
        f"left out, since this user may not read it: {tmp_path / 'west'}",
        str(tmp_path / "east"),
    ]


def test_a_file_may_be_completed_compressed_or_removed_before_it_is_opened(tmp_path: Path) -> None:
    path, compressed = tmp_path / TIMES, tmp_path / f"{TIMES}.gz"
    path.write_text("1,0.5\n")
    with _opened(part_path(path)) as file:
        assert file.read() == "1,0.5\n"
    path.unlink()
    compressed.write_bytes(gzip.compress(b"1,0.5\n"))
    for listed in (part_path(path), path):
        with _opened(listed) as file:
            assert file.read() == "1,0.5\n"
    compressed.unlink()
    for listed in (part_path(path), path, compressed):
        with _opened(listed) as file:
            assert file.read() == ""


def test_rows_of_a_file_that_is_removed_while_others_are_read_are_missing(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / numbered(TIMES, number)).write_text(f"{number},0.5\n")
    found = rows(tmp_path, TIMES, int, str)
    first = next(found)
    (tmp_path / numbered(TIMES, 2)).unlink()
    assert [first, *found] == [(1, "0.5"), (3, "0.5")]


def test_compressed_parts_are_read(tmp_path: Path) -> None:
    (tmp_path / f"{TIMES}.gz").write_bytes(gzip.compress(b"1,0.5\n"))
    (tmp_path / numbered(TIMES, 2)).write_text("2,1.0\n")
    assert read(tmp_path) == [(1, "0.5"), (2, "1.0")]
    (tmp_path / f"{TIMES}.gz").write_bytes(gzip.compress(b"1,0.5\n")[:-9])
    (tmp_path / TIMES).write_text("1,0.5\n")  # still being compressed
    assert read(tmp_path) == [(1, "0.5"), (2, "1.0")]


WHOLE = gzip.compress(b"1,0.5\n", mtime=0)


@pytest.mark.parametrize(
    "broken",
    [WHOLE[:-9], WHOLE[:10] + b"\xff" * 9, b"1,0.5\n"],
    ids=["cut", "damaged", "not compressed"],
)
def test_broken_gzip_data_is_reported(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / f"{TIMES}.gz").write_bytes(broken)
    with pytest.raises(ConfigError, match=r"times\.txt\.gz: broken gzip data"):
        read(tmp_path)


def test_undecodable_rows_are_shortened_in_the_error(tmp_path: Path) -> None:
    (tmp_path / TIMES).write_bytes(b"\xff" * 5000 + b"\n")
    with pytest.raises(ConfigError, match=r"times\.txt:1: not a row of times\.txt: '.{80}'$"):
        read(tmp_path)


def test_runs_are_grouped_by_stream(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("2/west", "1/west", "1/east", "1/west-earlier")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / CROSSINGS).touch()
    (folders[-1] / REPORT).write_text(json.dumps({"stream": "west"}))
    runs = runs_by_stream([tmp_path], COUNTS)
    expected = ["1/west", "1/west-earlier", "2/west"]
    assert [*runs] == ["east", "west"]
    assert runs["west"] == [tmp_path / name for name in expected]
    assert of_runs(runs["west"]) == ", of 3 runs"
    assert of_runs(runs["east"]) == ""


def test_a_set_aside_folder_takes_its_stream_name_from_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "south-earlier"
    folder.mkdir()
    assert stream_of(folder) == "south-earlier"  # that is what this camera is called
    (tmp_path / "east").symlink_to(folder)
    assert stream_of(tmp_path / "east") == "east"
    (folder / REPORT).write_text(json.dumps({"stream": "south"}))
    assert stream_of(folder) == "south"
