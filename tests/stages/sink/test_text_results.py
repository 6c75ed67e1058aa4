from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest

from stages.errors import OutputError
from stages.result_files import COUNTS, numbered
from stages.sink.options import SinkOptions
from stages.sink.text_results import TextResults
from tests.stages.sink.conftest import make_header, make_tracks, names_in
from tests.stages.sink.texts import (
    SIX_FRAMES,
    finish,
    name_all_earlier,
    names_of,
    numbers_in,
    rows,
    write,
)
from tests.waiting import wait_for


def test_rows_are_passed_to_the_system_when_write_returns(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "cam", SinkOptions())
    write(texts, range(1, 4))
    tracks = rows(texts.tracks.part)
    assert [row[:2] for row in tracks] == [[frame, i] for frame in (1, 2, 3) for i in (1, 2)]
    detections = rows(texts.detections.part)
    assert detections[:2] == [[1, 1, 60, 60, 30, 20, 0.9], [1, 2, 1, 20, 30, 30, 0.7]]
    assert texts.state().latest.sizes == tuple(file.part.stat().st_size for file in texts.files)


def test_files_of_a_long_stream_get_final_names_while_it_runs(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 9))
    texts.name_earlier()
    wait_for((tmp_path / "detections.txt").is_file)
    assert not (tmp_path / "mot-2.txt").exists()
    write(texts, range(9, 15))
    name_all_earlier(texts)
    assert (tmp_path / "mot-2.txt").is_file()
    finish(texts)
    assert texts.names == names_of(1, 2, 3)
    assert names_in(tmp_path) == set(texts.names)
    for kind in range(3):
        frames = [numbers_in(tmp_path / name) for name in texts.names[kind::3]]
        assert frames == [[*range(1, 7)], [*range(7, 13)], [13, 14]]


def test_the_oldest_files_are_removed_beyond_the_limit(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "all", SIX_FRAMES)
    write(texts, range(1, 7))
    gigabytes = sum(texts.state().latest.sizes) * 2.5 / 1e9
    messages: list[str] = []
    options = dataclasses.replace(SIX_FRAMES, text_gigabytes=gigabytes)
    folder = tmp_path / "limited"
    texts = TextResults(folder, options, notify=messages.append)
    write(texts, range(1, 28))
    name_all_earlier(texts)
    assert {path.name for path in folder.glob("*.txt")} == {*names_of(3, 4)}
    finish(texts)
    assert names_in(folder) == {*texts.names}
    assert len(messages) == 1


def test_crossings_and_zones_are_kept_beyond_the_limit(tmp_path: Path) -> None:
    options = dataclasses.replace(
        SIX_FRAMES,
        text_gigabytes=1e-9,
        lines={"gate": (0, 0, 0, 9)},
        zones={"box": ((0, 0), (9, 0), (9, 9))},
    )
    texts = TextResults(tmp_path, options)
    write(texts, range(1, 28))
    name_all_earlier(texts)
    finish(texts)
    counts = {numbered(kind, part) for kind in COUNTS for part in range(1, 6)}
    assert {*texts.names} == names_in(tmp_path) == counts | {*names_of(4, 5)}


def test_frames_do_not_wait_for_earlier_files_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_proceed = threading.Event()

    def hang(folder: Path) -> None:
        may_proceed.wait(10)

    monkeypatch.setattr("stages.sink.text_results.sync_leftovers", hang)
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    for _ in range(2):
        texts.name_earlier()
    assert not (tmp_path / "mot.txt").exists()
    may_proceed.set()
    finish(texts)


def test_failure_to_name_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mot.txt").mkdir()  # so that no file can have that name
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    texts.name_earlier()
    with pytest.raises(OutputError, match=r"mot\.txt"):
        texts.complete()
    texts.discard()


def test_discard_gives_earlier_files_their_final_names(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 15))
    texts.discard()
    assert names_in(tmp_path) == {*names_of(1, 2)}


def test_only_files_not_needed_for_resuming_get_final_names(
    tmp_path: Path,
) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    texts.name_earlier()  # as the state is saved now
    write(texts, range(8, 15))
    texts.close()
    assert numbers_in(tmp_path / "mot.txt") == [*range(1, 7)]
    assert numbers_in(tmp_path / ".mot-2.txt.part") == [*range(7, 13)]
    assert numbers_in(texts.tracks.part) == [13, 14]


def test_failure_to_open_one_file_removes_the_others(tmp_path: Path) -> None:
    (tmp_path / ".times.txt.part").mkdir()
    with pytest.raises(OutputError, match=r"times\.txt"):
        TextResults(tmp_path, SIX_FRAMES)
    assert names_in(tmp_path) == set()


def test_every_frame_has_a_time_row_even_without_vehicles(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SinkOptions())
    for number, time in ((1, "0.000"), (2, "0.040"), (5, "0.160")):
        texts.write(make_tracks(make_header(number - 1)), number, time, [], [])
    finish(texts)
    assert (tmp_path / "mot.txt").read_text() == ""
    assert (tmp_path / "times.txt").read_text() == "1,0.000\n2,0.040\n5,0.160\n"
