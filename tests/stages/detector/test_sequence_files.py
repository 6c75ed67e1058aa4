from __future__ import annotations

from pathlib import Path

import pytest

from stages.detector.sequence_files import (
    find_file,
    find_files,
    nested_files,
    sequence_files,
    sequence_name,
)
from stages.errors import ConfigError


def test_a_stream_in_several_files_must_be_joined_when_requested(tmp_path: Path) -> None:
    folder = tmp_path / "north"
    folder.mkdir()
    for name in ("detections.txt", "detections-2.txt", "mot.txt"):
        (folder / name).write_text("1,1,10,20,30,40,0.9\n")
    several = rf"first of 2 files .*ls -v {folder}/detections\*\.txt\) > north\.txt"
    with pytest.raises(ConfigError, match=several):
        find_file(tmp_path, "north", "detections.txt")
    with pytest.raises(ConfigError, match=several):
        sequence_files(tmp_path)
    assert find_file(tmp_path, "north", "mot.txt") == folder / "mot.txt"
    assert nested_files(tmp_path) == {"north": folder / "detections.txt"}


def test_each_of_several_sequences_gets_its_file(tmp_path: Path) -> None:
    for name in ("rain_Det_X", "rain_2_best", "my-seq"):
        (tmp_path / f"{name}.txt").write_text("1,1,10,20,30,40,0.9\n")
    found = find_files(tmp_path, ["rain", "rain_2", "my seq"], "detections.txt")
    assert {name: file.stem for name, file in found.items()} == {
        "rain": "rain_Det_X",
        "rain_2": "rain_2_best",
        "my seq": "my-seq",
    }


@pytest.mark.parametrize(
    ("missing", "other", "file"),
    [
        ("rain", "rain_2", "rain_2.txt"),
        ("rain", "rain_2", "rain_2_best.txt"),
        ("my seq", "my-seq", "my-seq.txt"),
        ("my seq", "my-seq", "my-seq/detections.txt"),
    ],
)
def test_the_file_of_another_sequence_is_not_taken(
    tmp_path: Path, missing: str, other: str, file: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("1,1,10,20,30,40,0.9\n")
    assert find_files(tmp_path, [other], "detections.txt") == {other: tmp_path / file}
    with pytest.raises(ConfigError, match=f"no file for {missing}; expected"):
        find_files(tmp_path, [missing, other], "detections.txt")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MVI_39511_Det_SpotNet.txt.gz", "MVI_39511"),
        ("MVI_39511_Det_SpotNet.txt", "MVI_39511"),
        ("M0101.txt", "M0101"),
        ("det.csv", "det.csv"),
        ("det.txt", "det"),
        ("MOT17-02/det/det.txt", "MOT17-02"),
    ],
)
def test_the_sequence_name_is_parsed_from_the_file_name(name: str, expected: str) -> None:
    assert sequence_name(Path("folder") / name) == expected


def test_a_sequence_of_motchallenge_is_named_after_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MOT17-02" / "det").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "MOT17-02" / "det")
    for path in ("det.txt", "../det/det.txt"):
        assert sequence_name(Path(path)) == "MOT17-02"


@pytest.mark.parametrize(
    ("run_file", "layout"),
    [("detections.txt", "rain 1/det/det.txt"), ("mot.txt", "data/rain 1.txt")],
)
def test_the_layouts_of_others_are_read_if_there_is_no_other_file(
    tmp_path: Path, run_file: str, layout: str
) -> None:
    with pytest.raises(ConfigError, match=f" or rain-1/{run_file} or {layout}$"):
        find_file(tmp_path, "rain 1", run_file)
    for file in (tmp_path / layout, tmp_path / "rain 1.txt", tmp_path / "rain-1" / run_file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        assert find_file(tmp_path, "rain 1", run_file) == file


def test_a_file_of_a_run_is_preferred_to_that_of_the_data_set(tmp_path: Path) -> None:
    for name in ("b/det/det.txt", "a/det/det.txt", "a/detections.txt", "a/det/det-2.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = {"a": tmp_path / "a/detections.txt", "b": tmp_path / "b/det/det.txt"}
    assert list(sequence_files(tmp_path).items()) == list(expected.items())


def test_a_stream_is_found_under_the_folder_name_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "my-video" / "detections.txt"
    file.parent.mkdir()
    file.touch()
    assert find_file(tmp_path, "my video", "detections.txt") == file


@pytest.mark.parametrize(
    ("run_file", "layout"),
    [("detections.txt", "rain-1/det/det.txt"), ("mot.txt", "data/rain-1.txt")],
)
def test_layouts_of_other_programs_are_found_under_the_folder_name_of_a_run(
    tmp_path: Path, run_file: str, layout: str
) -> None:
    (tmp_path / layout).parent.mkdir(parents=True)
    (tmp_path / layout).touch()
    assert find_file(tmp_path, "rain 1", run_file) == tmp_path / layout
