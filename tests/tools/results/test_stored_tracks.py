"""Tracks of a sequence, from each kind of file."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from stages.atomic import part_path
from stages.errors import ConfigError
from stages.records import FrameHeader, Tracks
from stages.result_files import REPORT, TRACKS
from tests.tools.annotations.detrac_file import annotation, frame, target
from tools.results.stored_tracks import StoredTracks, read_tracks

ROWS = "2,7,10,20,30,40,0.5,2,-1,-1\n1,9,1,2,3,4,0.75,1,-1,-1\n2,3,5,6,7,8,0.25,-1,-1,-1\n"


def at(tracks: StoredTracks, number: int) -> Tracks:
    return tracks.of(FrameHeader.of_image(90, 90, index=number - 1))


def write_run(folder: Path, stream: str, rows: str = ROWS) -> Path:
    folder.mkdir(parents=True)
    (folder / TRACKS).write_text(rows)
    report = {"stream": stream, "class_names": ["car", "bus"], "frame_size": [64, 48]}
    (folder / REPORT).write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_rows_in_any_order_are_read_by_frame_and_id(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"others{suffix}"
    path.write_bytes(gzip.compress(ROWS.encode()) if suffix == ".txt.gz" else ROWS.encode())
    found = read_tracks(path, "")
    tracks = at(found, 2)
    assert tracks.ids.tolist() == [3, 7]
    assert tracks.boxes.tolist() == [[5, 6, 12, 14], [10, 20, 40, 60]]
    assert tracks.scores.tolist() == [0.25, 0.5]
    assert at(found, 1).ids.tolist() == [9]
    assert not len(at(found, 3))
    assert (found.class_names, found.frame_size, len(found)) == ((), None, 3)


@pytest.mark.parametrize("rest", ["", ",-1", ",-1,-1,-1,-1"])
def test_missing_scores_are_nan(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "others.txt"
    path.write_text(f"1,1,10,20,30,40{rest}\n")
    assert np.isnan(at(read_tracks(path, ""), 1).scores).all()


def test_ground_truth_is_read_without_rows_that_are_not_scored(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("1,7,0,0,9,9,1,1,1\n1,8,5,0,9,9,0,8,1\n")
    assert read_tracks(tmp_path / "gt.txt", "").ids.tolist() == [7]


def test_uavdt_ground_truth_is_read(tmp_path: Path) -> None:
    path = tmp_path / "M0203_gt.txt"
    path.write_text("202,1,71,442,119,94,1,1,-1\n")
    assert at(read_tracks(path, ""), 202).boxes.tolist() == [[71, 442, 190, 536]]


def test_a_detrac_annotation_is_read_with_its_vehicle_types(tmp_path: Path) -> None:
    path = tmp_path / "MVI_1.xml"
    path.write_text(annotation(frame(4, target(2, 30, label="van"), target(1, 50, label="bus"))))
    found = read_tracks(path, "")
    tracks = at(found, 4)
    assert tracks.boxes.tolist() == [[50, 10, 60, 30], [30, 10, 40, 30]]
    assert [found.class_names[index] for index in tracks.classes.tolist()] == ["bus", "van"]
    assert np.isnan(tracks.scores).all()


def test_a_run_states_class_names_and_frame_size(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "clip", "clip")
    for path in (folder, folder / TRACKS, tmp_path):
        found = read_tracks(path, "clip")
        assert (found.class_names, found.frame_size) == (("car", "bus"), (64, 48))
        assert found.frame_sizes == ((64, 48),)
        assert at(found, 2).classes.tolist() == [0, 1]
        assert at(found, 2).boxes.tolist() == [[5, 6, 12, 14], [10, 20, 40, 60]]


def test_all_parts_of_a_killed_run_are_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "clip", "clip")
    part_path(folder / "mot-2.txt").write_text("3,7,10,20,30,40,0.5,1,-1,-1\n4,7,10,")
    found = read_tracks(folder, "clip")
    assert [len(at(found, number)) for number in (1, 2, 3, 4)] == [1, 2, 1, 0]


@pytest.mark.parametrize("packed", [False, True])
def test_mot_txt_of_another_program_may_have_six_columns(tmp_path: Path, packed: bool) -> None:
    text = b"1,7,10,20,30,40\n2,7,12,20,30,40\n"
    name = f"{TRACKS}.gz" if packed else TRACKS
    (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
    assert len(read_tracks(tmp_path, "clip")) == 2


def test_the_stream_is_chosen_by_the_source_s_name(tmp_path: Path) -> None:
    for name in ("east", "west"):
        write_run(tmp_path / name, name, f"1,{len(name)},1,1,9,9,1,-1,-1,-1\n" * (name == "west"))
    assert len(read_tracks(tmp_path, "east")) == 0
    assert len(read_tracks(tmp_path, "west")) == 1
    with pytest.raises(ConfigError, match="holds tracks of east, west, none of north; name the"):
        read_tracks(tmp_path, "north")


def test_a_choice_of_runs_is_refused(tmp_path: Path) -> None:
    for day in ("monday", "sunday"):
        write_run(tmp_path / day / "clip", "clip")
    message = f"holds 2 runs; name one of them, such as {tmp_path / 'monday' / 'clip'}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_tracks(tmp_path, "clip")


def test_a_folder_without_tracks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "M0203.txt").write_text(ROWS)
    with pytest.raises(ConfigError, match=r"no tracks \(mot\.txt\) in .*; name the file if it is"):
        read_tracks(tmp_path, "M0203")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,1,1,1,9,9,1", ":2: frame must be a whole number from 1 to"),
        ("1,1,1,1,-9,9,1", ":2: width and height must not be negative"),
        ("1,one,1,1,9,9,1", ":2: "),
        ("1,1,1,1,9,9,1", ":2: id 1 occurs twice in frame 1"),
    ],
)
def test_a_malformed_row_is_reported_by_file_and_line(
    tmp_path: Path, row: str, message: str
) -> None:
    path = tmp_path / "others.txt"
    path.write_text(f"1,1,1,1,9,9,1\n{row}\n")
    with pytest.raises(ConfigError, match=re.escape(f"{path}{message}")):
        read_tracks(path, "")


def test_a_malformed_row_of_a_run_is_reported(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "clip", "clip")
    (folder / "mot-2.txt").write_text("3,x,1,1,9,9,1,-1,-1,-1\n")
    with pytest.raises(ConfigError, match=r"mot-2\.txt:1: not a row of mot\.txt"):
        read_tracks(folder, "clip")


def test_an_unfinished_file_is_read_up_to_its_last_whole_row(tmp_path: Path) -> None:
    part_path(tmp_path / TRACKS).write_text("1,7,10,20,30,40,0.5,1,-1,-1\n2,7,10,")
    assert len(read_tracks(tmp_path, "clip")) == 1
