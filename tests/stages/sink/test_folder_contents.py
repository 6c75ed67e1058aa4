from __future__ import annotations

from pathlib import Path

import pytest

from stages.atomic import remove_file
from stages.errors import OutputError
from stages.sink.folder_contents import (
    empty_unfinished_overlays,
    foreign_results,
    has_results,
    outdate_report,
    remove_parts,
    remove_results,
    sync_leftovers,
    unfinished_results,
    would_replace,
)
from tests.stages.sink.conftest import names_in

OURS = (
    "run.json",
    "mot.txt",
    "detections.txt",
    "mot-2.txt",
    "detections-2.txt",
    "times.txt",
    "times-2.txt",
    "ground.txt",
    "ground-2.txt",
    "crossings-3.txt.gz",
    "kitti.txt",
    "kitti-2.txt",
    "views.txt",
    "views-2.txt.gz",
    "overlay.mp4",
    "overlay-2.mp4",
    "cam_LX.txt",
    "cam_speed.txt",
)
EVENTS = ("events/0000000012-gate-left-7.jpg", "events/0000000013--enter-8.jpg")
FOREIGN = {
    "notes.txt",
    "mot-old.txt",
    "mot-old.txt.gz",
    "overlay.mp4.gz",
    "times-old.txt",
    "overlay-old.mp4",
    "other_LX.txt",
    ".vimrc.part",
    "sub/mot.txt",
    "0000000012-gate-left-7.jpg",
    "events/12-gate-left-7.jpg",
    "events/0000000012-gate-left-7.png",
}
PARTS = (
    ".mot-3.txt.part",
    ".times-3.txt.part",
    ".overlay-3.mp4.part",
    ".overlay-3.mp4.1.part",
    ".cam_W.txt.part",
    ".journal.part",
    ".checkpoint.part",
    "..checkpoint.part.part",
    "events/.0000000014-gate-left-9.jpg.part",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cam"
    for name in (*OURS, *EVENTS, *FOREIGN, ".mot.txt.part", *PARTS):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


def test_remove_results_keeps_foreign_files(folder: Path) -> None:
    remove_results(folder)
    assert names_in(folder) == FOREIGN
    assert not has_results(folder)
    remove_results(folder)
    remove_results(folder / "missing")


def test_interrupted_removal_leaves_no_foreign_results(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_parts(folder)
    outdate_report(folder)
    steps = 0

    def remove(path: Path) -> None:
        nonlocal steps
        steps += path.exists()
        remove_file(path)
        assert foreign_results(folder) == []

    monkeypatch.setattr("stages.sink.folder_contents.remove_file", remove)
    remove_results(folder)
    assert steps == len(OURS) + len(EVENTS)


def test_remove_parts_keeps_all_other_files(folder: Path) -> None:
    remove_parts(folder)
    assert names_in(folder) == FOREIGN | {*OURS, *EVENTS}


@pytest.mark.parametrize("name", OURS)
def test_any_finished_file_is_a_result(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "cam"
    assert not has_results(folder)
    folder.mkdir()
    (folder / f".{name}.part").write_text("")
    (folder / "notes.txt").write_text("")
    assert not has_results(folder)
    (folder / name).write_text("")
    assert has_results(folder)


def test_event_pictures_are_results(folder: Path) -> None:
    for name in OURS:
        (folder / name).unlink()
    assert has_results(folder)
    for name in EVENTS:
        (folder / name).unlink()
    assert not has_results(folder)


def test_unfinished_results_are_text_and_overlay_parts_with_content(tmp_path: Path) -> None:
    assert unfinished_results(tmp_path / "missing") == []
    for name in (".mot.txt.part", ".overlay-2.mp4.1.part", ".journal.part", "mot.txt", "notes.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".mot-2.txt.part").write_text("x")
    (tmp_path / ".times.txt.part").write_text("x")
    (tmp_path / ".detections.txt.part").write_text("")
    expected = [".mot-2.txt.part", ".mot.txt.part", ".overlay-2.mp4.1.part", ".times.txt.part"]
    assert unfinished_results(tmp_path) == expected


def test_emptying_unfinished_overlays_keeps_finished_ones(tmp_path: Path) -> None:
    finished = ["overlay.mp4", "overlay-2.mp4", "overlay-10.mp4"]
    parts = [".overlay.mp4.part", ".overlay-11.mp4.1.part", ".overlay-11.mp4.part"]
    for name in (*finished, *parts, ".mot.txt.part"):
        (tmp_path / name).write_text("x")
    empty_unfinished_overlays(tmp_path)
    assert {name for name in names_in(tmp_path) if not (tmp_path / name).read_text()} == {*parts}


def test_file_system_errors_are_reported(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    for name in (".run.json.outdated", ".overlay.mp4.part"):
        (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=r"^cannot write .*run\.json: is a directory"):
        outdate_report(tmp_path)
    with pytest.raises(OutputError, match=r"^cannot write .*\.overlay\.mp4\.part: is a directory"):
        empty_unfinished_overlays(tmp_path)
    with pytest.raises(OutputError, match=r"^cannot write .*/gone: no such file"):
        sync_leftovers(tmp_path / "gone")


def test_source_that_is_a_result_would_be_replaced(tmp_path: Path) -> None:
    source = tmp_path / "overlay.mp4"
    assert not would_replace(tmp_path, source)
    (tmp_path / "mot.txt").write_text("x")
    assert not would_replace(tmp_path, source)  # which does not exist
    source.write_text("x")
    assert would_replace(tmp_path, source)
    (tmp_path / "other.mp4").hardlink_to(source)
    assert would_replace(tmp_path, tmp_path / "other.mp4")
    (tmp_path / "video.mp4").write_text("x")
    assert not would_replace(tmp_path, tmp_path / "video.mp4")


@pytest.mark.parametrize(
    "trace",
    ["run.json", ".journal.part", ".checkpoint.part", ".mot-2.txt.part", ".run.json.outdated"],
)
def test_results_are_foreign_without_any_trace_of_a_run(tmp_path: Path, trace: str) -> None:
    for name in ("mot.txt", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert foreign_results(tmp_path) == ["mot.txt"]
    (tmp_path / trace).write_text("x")
    assert foreign_results(tmp_path) == []


def test_outdated_report_is_renamed_and_removed_with_the_results(tmp_path: Path) -> None:
    outdate_report(tmp_path)
    for _ in range(2):
        (tmp_path / "run.json").write_text("x")
        outdate_report(tmp_path)
    assert names_in(tmp_path) == {".run.json.outdated"}
    remove_results(tmp_path)
    assert names_in(tmp_path) == set()
