from __future__ import annotations

import copy
import dataclasses
import os
from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.result_files import COUNTS, TEXTS, numbered
from stages.sink import retention
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from stages.sink.options import SinkOptions
from stages.sink.text_results import TextResults
from tests.stages.sink.conftest import make_header, make_tracks, names_in
from tests.waiting import wait_for

SINGLE = SinkOptions()
SIX_FRAMES = SinkOptions(text_minutes=0.2 / 60)


def finish(texts: TextResults) -> None:
    texts.complete()
    for file in texts.files:
        file.commit()


def frames_in(path: Path) -> list[int]:
    return sorted({int(row[0]) for row in rows(path)})


def write(texts: TextResults, numbers: range) -> None:
    for number in numbers:
        boxes = [[number, 20, number + 30, 50], [60, 60, 90, 80]]
        tracks = make_tracks(make_header(number - 1), boxes, [2, 1], [0.7, 0.9])
        texts.write(tracks, number, f"{number / 25:.3f}", [], [])


def rows(path: Path) -> list[list[float]]:
    return [list(map(float, line.split(","))) for line in path.read_text().splitlines()]


def test_rows_are_with_the_system_when_write_returns(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "cam", SINGLE)
    write(texts, range(1, 4))
    tracks = rows(texts.tracks.part)
    assert [row[:2] for row in tracks] == [[frame, i] for frame in (1, 2, 3) for i in (1, 2)]
    detections = rows(texts.detections.part)
    assert detections[:2] == [[1, 1, 60, 60, 30, 20, 0.9], [1, 2, 1, 20, 30, 30, 0.7]]
    assert texts.state().latest.sizes == tuple(file.part.stat().st_size for file in texts.files)


def test_what_came_after_the_state_is_written_anew(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SINGLE)
    write(first, range(1, 4))
    state = copy.deepcopy(first.state())
    write(first, range(4, 9))  # its process dies now
    second = TextResults(tmp_path, SINGLE, state)
    write(second, range(4, 6))
    assert frames_in(second.tracks.part) == [1, 2, 3, 4, 5]


def test_the_state_counts_the_frames_of_the_latest_files(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SIX_FRAMES)
    write(first, range(1, 9))
    state = copy.deepcopy(first.state())
    assert (state.number, state.latest.frames) == (2, 2)
    first.close()
    second = TextResults(tmp_path, SIX_FRAMES, state)
    write(second, range(9, 12))
    assert (second.state().number, second.state().latest.frames) == (2, 5)
    second.close()


def test_a_file_of_another_run_does_not_take_the_place_of_what_was_written(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SINGLE)
    write(first, range(1, 4))
    state = copy.deepcopy(first.state())
    (tmp_path / "mot.txt").write_text("9,1,0,0,1,1,1,-1,-1,-1\n" * 50)
    second = TextResults(tmp_path, SINGLE, state)
    write(second, range(4, 6))
    assert frames_in(second.tracks.part) == [1, 2, 3, 4, 5]


def test_a_file_that_cannot_be_opened_again_costs_no_rows_of_the_others(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SINGLE)
    write(first, range(1, 4))
    first.files[-1].part.unlink()
    with pytest.raises(OutputError):
        TextResults(tmp_path, SINGLE, first.state())
    for file in first.files[:-1]:
        assert frames_in(file.part) == [1, 2, 3]


def test_files_of_a_long_stream_get_their_names_while_it_runs(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 9))
    texts.name_earlier()
    wait_for((tmp_path / "detections.txt").is_file)
    assert not (tmp_path / "mot-2.txt").exists()
    write(texts, range(9, 15))
    finish(texts)
    kinds = ("mot", "detections", "times")
    assert texts.names == tuple(f"{kind}{end}.txt" for end in ("", "-2", "-3") for kind in kinds)
    assert names_in(tmp_path) == set(texts.names)
    for kind in range(3):
        frames = [frames_in(tmp_path / name) for name in texts.names[kind::3]]
        assert frames == [[*range(1, 7)], [*range(7, 13)], [13, 14]]


@pytest.fixture
def calm(tmp_path: Path) -> Path:
    """Results of 14 frames in three parts, from a process that nobody disturbed."""
    texts = TextResults(tmp_path / "calm", SIX_FRAMES)
    write(texts, range(1, 15))
    finish(texts)
    return tmp_path / "calm"


def texts_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_that_a_later_process_needs_have_no_names(tmp_path: Path, calm: Path) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    write(first, range(1, 6))
    state = copy.deepcopy(first.state())
    write(first, range(6, 15))  # its process dies now
    assert not list(folder.glob("*.txt"))
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(6, 15))
    finish(second)
    assert texts_in(folder) == texts_in(calm)


def test_files_of_a_number_are_on_the_disk_with_what_they_are_made_of_before_one_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    at_name: list[set[str]] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def note_replace(path: Path, target: Path) -> Path:
        at_name.append({*synced})
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    needed = {f".{name}.part" for name in TEXTS[:3]} | {JOURNAL, CHECKPOINT}
    (tmp_path / JOURNAL).touch()
    (tmp_path / CHECKPOINT).touch()
    first = TextResults(tmp_path, SIX_FRAMES)
    write(first, range(1, 8))
    state = copy.deepcopy(first.state())
    first.name_earlier()
    wait_for((tmp_path / "times.txt").is_file)
    assert needed <= at_name[0]
    for name in TEXTS[:3]:  # its process had died before
        (tmp_path / name).rename(tmp_path / f".{name}.part")
    synced.clear()
    at_name.clear()
    TextResults(tmp_path, SIX_FRAMES, state).close()
    assert needed <= at_name[0]


@pytest.mark.parametrize("named", [0, 1, 2, 3])
@pytest.mark.parametrize("taken", [False, True])
def test_a_process_killed_while_files_get_their_names(
    tmp_path: Path, calm: Path, named: int, taken: bool
) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    write(first, range(1, 8))
    state = copy.deepcopy(first.state())
    first.name_earlier()
    wait_for((folder / "times.txt").is_file)
    write(first, range(8, 10))  # its process dies now
    for name in ("times.txt", "detections.txt", "mot.txt")[: 3 - named]:
        (folder / name).rename(folder / f".{name}.part")
    away = tmp_path / "away"
    away.mkdir()
    for path in [*folder.glob("*.txt")] if taken else ():  # what has its name may be taken away
        path.rename(away / path.name)
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(8, 15))
    finish(second)
    assert set(second.names) == names_in(folder)
    assert texts_in(folder) | texts_in(away) == texts_in(calm)


def test_a_damaged_end_of_earlier_files_is_cut_before_they_get_their_names(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SIX_FRAMES)
    write(first, range(1, 8))
    state = copy.deepcopy(first.state())  # its process dies now
    with first.files[0].part.open("ab") as file:
        file.write(bytes(100))
    TextResults(tmp_path, SIX_FRAMES, state).close()
    assert frames_in(tmp_path / "mot.txt") == [*range(1, 7)]


def test_a_process_killed_while_all_files_get_their_names(tmp_path: Path, calm: Path) -> None:
    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    write(first, range(1, 10))
    state = copy.deepcopy(first.state())
    write(first, range(10, 15))
    finish(first)  # its process dies now
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(10, 15))
    finish(second)
    assert texts_in(folder) == texts_in(calm)


def test_the_oldest_files_are_removed_beyond_the_limit(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "all", SIX_FRAMES)
    write(texts, range(1, 7))
    gigabytes = sum(texts.state().latest.sizes) * 2.5 / 1e9
    told: list[str] = []
    options = dataclasses.replace(SIX_FRAMES, text_gigabytes=gigabytes)
    folder = tmp_path / "limited"
    texts = TextResults(folder, options, notify=told.append)
    write(texts, range(1, 28))
    while texts.state().unnamed:
        texts.name_earlier()
    assert {path.name for path in folder.glob("*.txt")} == {
        f"{kind}-{number}.txt" for kind in ("mot", "detections", "times") for number in (3, 4)
    }
    finish(texts)
    assert names_in(folder) == {*texts.names}
    assert len(told) == 1


def test_crossings_and_zones_stay_beyond_the_limit(tmp_path: Path) -> None:
    options = dataclasses.replace(
        SIX_FRAMES,
        text_gigabytes=1e-9,
        lines={"gate": (0, 0, 0, 9)},
        zones={"box": ((0, 0), (9, 0), (9, 9))},
    )
    texts = TextResults(tmp_path, options)
    write(texts, range(1, 28))
    while texts.state().unnamed:
        texts.name_earlier()
    finish(texts)
    counts = {numbered(kind, part) for kind in COUNTS for part in range(1, 6)}
    others = {numbered(kind, part) for kind in TEXTS[:3] for part in (4, 5)}
    assert {*texts.names} == names_in(tmp_path) == counts | others


def test_what_was_removed_is_not_removed_again(
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
    assert sorted(removed) == sorted(
        numbered(kind, part) for kind in TEXTS[:3] for part in range(1, 6)
    )


def test_files_without_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "mot.txt").mkdir()  # so that no file can have that name
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    texts.name_earlier()
    with pytest.raises(OutputError, match=r"mot\.txt"):
        texts.complete()
    texts.discard()


def test_earlier_files_get_their_names_where_the_latest_are_discarded(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 15))
    texts.discard()
    kinds = ("mot", "detections", "times")
    assert names_in(tmp_path) == {f"{kind}{end}.txt" for kind in kinds for end in ("", "-2")}


def test_of_files_that_are_left_those_have_names_that_no_later_process_needs(
    tmp_path: Path,
) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    texts.name_earlier()  # as the state is saved now
    write(texts, range(8, 15))
    texts.close()
    assert frames_in(tmp_path / "mot.txt") == [*range(1, 7)]
    assert frames_in(tmp_path / ".mot-2.txt.part") == [*range(7, 13)]
    assert frames_in(texts.tracks.part) == [13, 14]


def test_where_one_cannot_be_opened_the_others_are_not_left(tmp_path: Path) -> None:
    (tmp_path / ".times.txt.part").mkdir()
    with pytest.raises(OutputError, match=r"times\.txt"):
        TextResults(tmp_path, SIX_FRAMES)
    assert names_in(tmp_path) == set()


def test_every_frame_has_its_time_with_vehicles_or_without(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SinkOptions())
    for number, time in ((1, "0.000"), (2, "0.040"), (5, "0.160")):
        texts.write(make_tracks(make_header(number - 1)), number, time, [], [])
    finish(texts)
    assert (tmp_path / "mot.txt").read_text() == ""
    assert (tmp_path / "times.txt").read_text() == "1,0.000\n2,0.040\n5,0.160\n"
