from __future__ import annotations

from pathlib import Path

from tools.annotations.uavdt import read_uavdt_ground_truth


def test_a_sequence_ends_with_the_last_frame_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "A_gt.txt").write_text("".join(f"{n},1,0,0,9,9,1\n" for n in range(1, 6)))
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 5
    (tmp_path / "A_gt_whole.txt").write_text("7,1,0,0,9,9,1\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 7
    (tmp_path / "A_gt_ignore.txt").write_text("1,1,0,0,9,9\n9,2,0,0,9,9\n")
    assert read_uavdt_ground_truth(tmp_path, "A").frame_count == 9
