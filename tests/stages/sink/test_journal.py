from __future__ import annotations

import os
from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.sink.journal import Journal, read_journal

ENTRIES = [b"first", b"", b"x" * 70_000, b"last"]


def entries(path: Path) -> list[bytes]:
    return [entry for entry, _ in read_journal(path)]


def test_truncated_journal_yields_all_whole_entries(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert entries(path) == []
    journal = Journal(path)
    for entry in ENTRIES:
        journal.append(entry)
    assert entries(path) == ENTRIES  # while it is still open
    journal.close()
    whole = path.read_bytes()
    ends = [end for _, end in read_journal(path)]
    for length in (*range(22), ends[2] - 1, ends[2], ends[2] + 3, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert entries(path) == ENTRIES[: sum(end <= length for end in ends)]


@pytest.mark.parametrize("begin", range(13, 60))
def test_zeros_left_by_a_power_failure_are_not_entries(begin: int, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for entry in (b"three", b"other", b"words that are longer"):
        journal.append(entry)
    journal.close()
    ends = [end for _, end in read_journal(path)]
    path.write_bytes(path.read_bytes()[:begin] + bytes(200))
    assert len(entries(path)) == sum(end <= begin for end in ends)


def test_resumed_journal_appends_at_the_given_position(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for entry in (b"one", b"two", b"three"):
        journal.append(entry)
    journal.close()
    end = next(read_journal(path))[1]
    journal = Journal(path, resume=end)
    journal.append(b"new")  # as long as the entry that it replaces
    assert entries(path) == [b"one", b"new"]
    journal.clear()
    journal.append(b"one")
    assert entries(path) == [b"one"]


def test_disk_errors_name_the_file_shown_to_users(full_disk: Path) -> None:
    journal = Journal(full_disk / ".journal", shown=full_disk / "overlay.mp4")
    (full_disk / "ballast").write_bytes(bytes(64 * 1024))
    with pytest.raises(OutputError, match=r"overlay\.mp4: no space left on device"):
        journal.append(bytes(1000))
    journal.close()
    with pytest.raises(OutputError, match=r"missing/\.journal: no such file"):
        Journal(full_disk / "missing/.journal")


def test_entries_truncated_while_reading_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    size = 2**20 - 8  # more than is read ahead; whole blocks with its prefix
    for _ in range(3):
        journal.append(bytes(size))
    journal.close()
    lengths = path.stat().st_size - 1, next(read_journal(path))[1] + 2
    for length, count in zip(lengths, (1, 0), strict=True):
        reading = read_journal(path)
        next(reading)
        os.truncate(path, length)
        assert [len(entry) for entry, _ in reading] == [size] * count
