from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from stages.errors import OutputError
from stages.sink.options import SinkOptions
from stages.sink.text_results import TextResults
from tests.stages.sink.conftest import make_header, make_tracks, names_in, wait

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
        texts.write(make_tracks(make_header(number - 1), boxes, [2, 1], [0.7, 0.9]), number)


def rows(path: Path) -> list[list[float]]:
    return np.loadtxt(path, delimiter=",").tolist()


def test_rows_are_with_the_system_when_write_returns(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "cam", SINGLE)
    write(texts, range(1, 4))
    tracks = rows(texts.tracks.part)
    assert [row[:2] for row in tracks] == [[frame, i] for frame in (1, 2, 3) for i in (1, 2)]
    detections = rows(texts.detections.part)
    assert detections[:2] == [[1, 1, 60, 60, 30, 20, 0.9], [1, 2, 1, 20, 30, 30, 0.7]]
    assert texts.state().sizes == tuple(file.part.stat().st_size for file in texts.files)


def test_what_came_after_the_state_is_written_anew(tmp_path: Path) -> None:
    first = TextResults(tmp_path, SINGLE)
    write(first, range(1, 4))
    state = first.state()
    write(first, range(4, 9))  # its process dies now
    second = TextResults(tmp_path, SINGLE, state)
    write(second, range(4, 6))
    assert frames_in(second.tracks.part) == [1, 2, 3, 4, 5]


def test_files_of_a_long_stream_get_their_names_while_it_runs(tmp_path: Path) -> None:
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 9))
    wait((tmp_path / "detections.txt").is_file)
    assert not (tmp_path / "mot-2.txt").exists()
    write(texts, range(9, 15))
    finish(texts)
    names = ("mot.txt", "detections.txt", "mot-2.txt", "detections-2.txt")
    assert texts.names == (*names, "mot-3.txt", "detections-3.txt")
    assert names_in(tmp_path) == set(texts.names)
    frames = [frames_in(tmp_path / name) for name in texts.names[::2]]
    assert frames == [[*range(1, 7)], [*range(7, 13)], [13, 14]]
    assert frames == [frames_in(tmp_path / name) for name in texts.names[1::2]]


@pytest.mark.parametrize("named", [0, 1, 2])
@pytest.mark.parametrize("saved", [5, 7])
def test_a_process_killed_while_files_get_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: int, named: int
) -> None:
    expected = tmp_path / "calm"
    calm = TextResults(expected, SIX_FRAMES)
    write(calm, range(1, 15))
    finish(calm)

    folder = tmp_path / "cam"
    first = TextResults(folder, SIX_FRAMES)
    write(first, range(1, saved + 1))
    state = first.state()
    write(first, range(saved + 1, 9))  # its process dies now
    first.complete()
    assert names_in(folder) >= {"mot.txt", "detections.txt"}
    for name in ("detections.txt", "mot.txt")[: 2 - named]:
        (folder / name).rename(folder / f".{name}.part")
    second = TextResults(folder, SIX_FRAMES, state)
    write(second, range(saved + 1, 15))
    finish(second)
    assert names_in(folder) == names_in(expected)
    for name in names_in(expected):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()


def test_the_oldest_files_are_removed_beyond_the_limit(tmp_path: Path) -> None:
    texts = TextResults(tmp_path / "all", SIX_FRAMES)
    write(texts, range(1, 7))
    gigabytes = sum(texts.state().sizes) * 2.5 / 1e9
    told: list[str] = []
    options = dataclasses.replace(SIX_FRAMES, text_gigabytes=gigabytes)
    texts = TextResults(tmp_path / "limited", options, notify=told.append)
    write(texts, range(1, 28))
    finish(texts)
    expected = {f"{kind}-{number}.txt" for kind in ("mot", "detections") for number in (3, 4, 5)}
    assert names_in(tmp_path / "limited") == {*texts.names} == expected
    assert len(told) == 1


def test_files_without_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "mot.txt").mkdir()  # so that no file can have that name
    texts = TextResults(tmp_path, SIX_FRAMES)
    write(texts, range(1, 8))
    with pytest.raises(OutputError, match=r"mot\.txt"):
        texts.complete()
    texts.discard()


def test_where_one_cannot_be_opened_the_other_is_not_left(tmp_path: Path) -> None:
    (tmp_path / ".detections.txt.part").mkdir()
    with pytest.raises(OutputError, match=r"detections\.txt"):
        TextResults(tmp_path, SINGLE)
    assert names_in(tmp_path) == set()
