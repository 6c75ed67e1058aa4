from __future__ import annotations

from pathlib import Path

from tools.annotations.uavdt import read_uavdt_ground_truth


def test_tracks_objects_and_ignored_boxes_have_a_file_each(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("1,1,0,0,9,9,1,1,-1\n3,1,10,20,30,40,1,1,-1\n")
    (tmp_path / "A_gt_whole.txt").write_text("2,5,1,2,3,4,2,1,1\n")
    (tmp_path / "A_gt_ignore.txt").write_text("2,1,50,60,10,20,1,1,1\n1,1,5,6,1,2,1,1,1\n")
    truth = read_uavdt_ground_truth(tmp_path, "A")
    assert truth.tracks.boxes.tolist() == [[0, 0, 9, 9], [10, 20, 40, 60]]
    assert (truth.objects.frames.tolist(), truth.objects.boxes.tolist()) == ([1], [[1, 2, 4, 6]])
    assert truth.ignored.boxes.tolist() == [[50, 60, 60, 80], [5, 6, 6, 8]]
    assert truth.ignored.frames is not None
    assert (truth.ignored.frames.tolist(), truth.ignored.rule) == ([1, 0], "center")


def test_a_sequence_ends_with_the_last_frame_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("".join(f"{n},1,0,0,9,9,1\n" for n in range(1, 6)))
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 5
    (tmp_path / "A_gt_ignore.txt").write_text("")
    (tmp_path / "A_gt_whole.txt").write_text("4,1,0,0,9,9,1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 5
    (tmp_path / "A_gt_whole.txt").write_text("7,1,0,0,9,9,1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 7
    (tmp_path / "A_gt_ignore.txt").write_text("1,1,0,0,9,9\n9,2,0,0,9,9\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 9
