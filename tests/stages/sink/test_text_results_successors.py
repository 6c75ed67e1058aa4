"""Text results of a process that resumes from a killed one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.sink import retention
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from stages.sink.options import SinkOptions
from stages.sink.text_results import TextResults
from tests.stages.sink.conftest import names_in
from tests.stages.sink.stream import TEXTS
from tests.stages.sink.texts import (
    SIX_FRAMES,
    finish,
    names_of,
    numbers_in,
    state_after,
    write,
)
from tests.waiting import wait_for


def test_rows_after_the_state_are_replaced(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SinkOptions())
    state = state_after(first, range(1, 4))
    write(first, range(4, 9))  # its process dies now
    second = TextResults(tmp_path, SinkOptions(), state)
    write(second, range(4, 6))
    assert numbers_in(second.tracks.part) == [1, 2, 3, 4, 5]


def test_the_state_counts_the_frames_of_the_latest_files(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SIX_FRAMES)
    state = state_after(first, range(1, 9))
    assert (state.number, state.latest.frames) == (2, 2)
    first.close()
    second = TextResults(tmp_path, SIX_FRAMES, state)
    write(second, range(9, 12))
    assert (second.state().number, second.state().latest.frames) == (2, 5)
    second.close()


def test_finished_file_of_another_run_does_not_replace_a_part_file(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SinkOptions())
    state = state_after(first, range(1, 4))
    (tmp_path / "mot.txt").write_text("9,1,0,0,1,1,1,-1,-1,-1\n" * 50)
    second = TextResults(tmp_path, SinkOptions(), state)
    write(second, range(4, 6))
    assert numbers_in(second.tracks.part) == [1, 2, 3, 4, 5]


def test_failure_to_reopen_one_file_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SinkOptions())
    write(first, range(1, 4))
    first.files[-1].part.unlink()
    with pytest.raises(OutputError):
        TextResults(tmp_path, SinkOptions(), first.state())
    for file in first.files[:-1]:
        assert numbers_in(file.part) == [1, 2, 3]


@pytest.fixture
def uninterrupted(tmp_path: Path) -> Path:
    """Results of 14 frames in three parts, from an uninterrupted process."""
    texts = TextResults(tmp_path / "calm", SIX_FRAMES)
    write(texts, range(1, 15))
    finish(texts)
    return tmp_path / "calm"


def texts_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_needed_for_resuming_get_no_final_names(tmp_path: Path, uninterrupted: Path) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    state = state_after(first, range(1, 6))
    write(first, range(6, 15))  # its process dies now
    assert not list(folder.glob("*.txt"))
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(6, 15))
    finish(second)
    assert texts_in(folder) == texts_in(uninterrupted)


def test_parts_journal_and_checkpoint_are_synced_before_any_rename(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_name: list[set[str]] = []
    replace = Path.replace

    def record_replace(path: Path, target: Path) -> Path:
        at_name.append({each.name for each in synced})
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", record_replace)
    needed = {f".{name}.part" for name in TEXTS} | {JOURNAL, CHECKPOINT, tmp_path.name}
    (tmp_path / JOURNAL).touch()
    (tmp_path / CHECKPOINT).touch()
    first = TextResults(tmp_path, SIX_FRAMES)
    state = state_after(first, range(1, 8))
    first.name_earlier()
    wait_for((tmp_path / "times.txt").is_file)
    assert needed <= at_name[0]
    for name in TEXTS:  # its process had died before
        (tmp_path / name).rename(tmp_path / f".{name}.part")
    synced.clear()
    at_name.clear()
    TextResults(tmp_path, SIX_FRAMES, state).close()
    assert needed <= at_name[0]


@pytest.mark.parametrize("named", [0, 1, 2, 3])
@pytest.mark.parametrize("taken", [False, True])
def test_resuming_after_a_kill_while_earlier_files_get_final_names(
    tmp_path: Path, uninterrupted: Path, named: int, taken: bool
) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    state = state_after(first, range(1, 8))
    first.name_earlier()
    wait_for((folder / "times.txt").is_file)
    write(first, range(8, 10))  # its process dies now
    for name in TEXTS[named:]:
        (folder / name).rename(folder / f".{name}.part")
    away = tmp_path / "away"
    away.mkdir()
    for path in [*folder.glob("*.txt")] if taken else ():  # what has its name may be taken away
        path.rename(away / path.name)
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(8, 15))
    finish(second)
    assert set(second.names) == names_in(folder)
    assert texts_in(folder) | texts_in(away) == texts_in(uninterrupted)


def test_damaged_end_of_earlier_files_is_cut_before_they_are_renamed(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SIX_FRAMES)
    state = state_after(first, range(1, 8))  # its process dies now
    with first.files[0].part.open("ab") as file:
        file.write(bytes(100))
    TextResults(tmp_path, SIX_FRAMES, state).close()
    assert numbers_in(tmp_path / "mot.txt") == [*range(1, 7)]


def test_resuming_after_a_kill_when_all_files_have_final_names(
    tmp_path: Path, uninterrupted: Path
) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    state = state_after(first, range(1, 10))
    write(first, range(10, 15))
    finish(first)  # its process dies now
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(10, 15))
    finish(second)
    assert texts_in(folder) == texts_in(uninterrupted)


def test_removed_files_are_not_removed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []

    def remove(path: Path) -> None:
        removed.append(path.name)
        path.unlink(missing_ok=True)

    monkeypatch.setattr(retention, "remove_file", remove)
    options = dataclasses.replace(SIX_FRAMES, text_gigabytes=1e-9)
    state = None
    for begin in (1, 20):
        texts = TextResults(tmp_path, options, state)
        write(texts, range(begin, begin + 19))
        while texts.state().unnamed:
            texts.name_earlier()
        state = texts.state()  # its process dies now
    assert sorted(removed) == sorted(names_of(*range(1, 6)))
