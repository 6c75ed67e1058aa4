from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from stages.errors import ConfigError
from tools.annotations.ground_truths import read_ground_truths
from tools.annotations.uavdt import read_uavdt_ground_truth


def test_tracks_objects_and_ignored_boxes_have_separate_files(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("1,1,0,0,9,9,1,1,-1\n3,1,10,20,30,40,1,1,-1\n")
    (tmp_path / "A_gt_whole.txt").write_text("2,5,1,2,3,4,2,1,1\n")
    (tmp_path / "A_gt_ignore.txt").write_text("2,1,50,60,10,20,1,1,1\n1,1,5,6,1,2,1,1,1\n")
    truth = read_uavdt_ground_truth(tmp_path, "A")
    assert truth.tracks.boxes.tolist() == [[0, 0, 9, 9], [10, 20, 40, 60]]
    assert (truth.objects.frames.tolist(), truth.objects.boxes.tolist()) == ([1], [[1, 2, 4, 6]])
    assert truth.ignored.boxes.tolist() == [[50, 60, 60, 80], [5, 6, 6, 8]]
    assert truth.ignored.frames is not None
    assert (truth.ignored.frames.tolist(), truth.ignored.rule) == ([1, 0], "center")
    assert truth.missing == ()


def test_compressed_files_are_read_like_plain_ones(tmp_path: Path) -> None:
    for suffix, left in (("_gt", 1), ("_gt_whole", 2), ("_gt_ignore", 3)):
        packed = gzip.compress(f"1,1,{left},0,9,9,1,1,1\n".encode())
        (tmp_path / f"A{suffix}.txt.gz").write_bytes(packed)
    [truth] = read_ground_truths("uavdt", tmp_path)
    parts = (truth.tracks, truth.objects, truth.ignored)
    assert [part.boxes[0, 0] for part in parts] == [1, 2, 3]
    assert (truth.name, truth.missing) == ("A", ())
    (tmp_path / "A_gt_ignore.txt").write_text("")
    with pytest.raises(ConfigError, match=r"A_gt_ignore.txt is there also as A_gt_ignore.txt.gz"):
        read_ground_truths("uavdt", tmp_path)


def test_missing_files_are_listed_but_empty_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("1,1,0,0,9,9,1,1,-1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").missing == ("_gt_whole.txt", "_gt_ignore.txt")
    (tmp_path / "A_gt_ignore.txt").write_text("")
    assert read_uavdt_ground_truth(tmp_path, "A").missing == ("_gt_whole.txt",)
    (tmp_path / "A_gt_whole.txt").write_text("")
    assert read_uavdt_ground_truth(tmp_path, "A").missing == ()


def test_sequence_ends_with_the_last_frame_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("".join(f"{n},1,0,0,9,9,1\n" for n in range(1, 6)))
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 5
    (tmp_path / "A_gt_ignore.txt").write_text("")
    (tmp_path / "A_gt_whole.txt").write_text("4,1,0,0,9,9,1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 5
    (tmp_path / "A_gt_whole.txt").write_text("7,1,0,0,9,9,1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 7
    (tmp_path / "A_gt_ignore.txt").write_text("1,1,0,0,9,9\n9,2,0,0,9,9\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 9
