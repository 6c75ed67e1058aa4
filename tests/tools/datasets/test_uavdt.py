from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.errors import ConfigError
from tests.tools.datasets.conftest import problems, write_image
from tools.annotations.uavdt import read_uavdt_ground_truth
from tools.datasets.formats import read_data_set

GT = "UAV-benchmark-MOTD_v1.0/GT"
IMAGES = "UAV-benchmark-M"


def write_sequence(root: Path, name: str, whole: str, images: int, ignored: str = "") -> None:
    (root / GT).mkdir(parents=True, exist_ok=True)
    (root / GT / f"{name}_gt_whole.txt").write_text(whole)
    (root / GT / f"{name}_gt_ignore.txt").write_text(ignored)
    for number in range(1, images + 1):
        write_image(root / IMAGES / name / f"img{number:06d}.jpg")


def test_the_layout_of_the_benchmark(tmp_path: Path) -> None:
    # Sorted by id, like the benchmark's files.
    whole = "1,1,10,10,20,15,1,1,1\n2,1,12,10,20,15,1,1,1\n2,2,50,20,9,9,1,1,3\n1,3,0,0,5,5,1,1,2\n"
    write_sequence(tmp_path, "M0101", whole, 2)
    (tmp_path / "M_attr" / "test").mkdir(parents=True)
    (tmp_path / "M_attr" / "test" / "M0101_attr.txt").write_text("1,0,0\n")
    data_set = read_data_set(tmp_path)
    assert (data_set.format, data_set.problems) == ("uavdt", [])
    first, second = data_set.samples
    assert (first.scene, first.frame, second.frame) == ("M0101", 1, 2)
    assert first.boxes.tolist() == [[10, 10, 30, 25], [0, 0, 5, 5]]
    assert (first.labels, second.labels) == (("car", "truck"), ("car", "bus"))
    assert first.conditions == {"split": "test"}


def test_images_in_a_folder_of_the_sequence(tmp_path: Path) -> None:
    write_sequence(tmp_path, "M0101", "1,1,10,10,20,15,1,1,1\n", 0)
    write_image(tmp_path / "train" / "M0101" / "img1" / "img000001.jpg")
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert (sample.scene, sample.frame, sample.conditions) == ("M0101", 1, {"split": "train"})
    assert data_set.problems == []


def test_ignored_boxes_apply_to_their_frame_only(tmp_path: Path) -> None:
    row = "{},1,10,10,20,15,1,1,1\n"
    whole = "".join(map(row.format, (1, 2)))
    write_sequence(
        tmp_path, "M0101", whole, 3, ignored="2,4,60,30,60,60\n2,5,0,0,-9,9\n3,4,0,0,9,9\n"
    )
    data_set = read_data_set(tmp_path)
    assert [s.ignored.tolist() for s in data_set.samples] == [
        [],
        [[60, 30, 96, 54]],
        [[0, 0, 9, 9]],
    ]
    assert len(data_set.samples[2].boxes) == 0
    assert problems(data_set) == [("FLAT_BOX", "M0101_gt_ignore.txt, frame 2")]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    write_sequence(tmp_path, "M0101", "1,1,10,10,20,15,1,1,1\n", 1, ignored="1,4,60,30,9,9\n")
    for plain in list((tmp_path / GT).iterdir()):
        Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert sample.boxes.tolist() == [[10, 10, 30, 25]]
    assert sample.ignored.tolist() == [[60, 30, 69, 39]]
    assert data_set.problems == []


def test_sequence_without_an_ignored_regions_file_is_reported(tmp_path: Path) -> None:
    write_sequence(tmp_path, "M0101", "1,1,10,10,20,15,1,1,1\n", 1)
    (tmp_path / GT / "M0101_gt_ignore.txt").unlink()
    data_set = read_data_set(tmp_path)
    assert len(data_set.samples) == 1
    assert problems(data_set) == [("NO_IGNORED_FILE", "M0101")]


def test_unknown_classes_and_ignored_boxes_apply_to_their_frames(tmp_path: Path) -> None:
    whole = "1,1,10,10,20,15,1,1,7\n2,1,10,10,20,15,1,1,1\n"
    write_sequence(tmp_path, "M0101", whole, 2, ignored="2,4,60,30,9,9\n")
    first, second = read_data_set(tmp_path).samples
    assert first.ignored.tolist() == [[10, 10, 30, 25]]
    assert second.ignored.tolist() == [[60, 30, 69, 39]]


def test_hidden_share_follows_out_of_view_and_occlusion_codes(tmp_path: Path) -> None:
    codes = [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3), (1, 4), (2, 4)]
    rows = [f"1,{i},{9 * i},10,8,8,{out},{occ},1" for i, (out, occ) in enumerate(codes)]
    write_sequence(tmp_path, "M0101", "\n".join(rows), 1)
    (sample,) = read_data_set(tmp_path).samples
    assert sample.hidden.tolist() == pytest.approx([0, 0.4, 0.15, 0.85, 0.5, 0.15, 0.4])


def test_unusable_entries_are_reported(tmp_path: Path) -> None:
    whole = (
        "1,1,10,10,20,15,1,1,1\n1,2,40,10,20,15,1,1,7\n1,3,10,10,0,15,1,1,1\n4,1,10,10,20,15,1,1,1\n"
        "1,4,300,10,20,15,1,1,1\n2,1,10,10,-20,15,1,1,1\n3,1,10,10,20,-15,1,1,1\n"
    )
    write_sequence(tmp_path, "M0101", whole, 3)
    write_sequence(tmp_path, "M0102", "1,1,10,10,20\n", 1)
    write_sequence(tmp_path, "M0103", "1,1,10,10,20,15,1,1,1\n", 0)
    data_set = read_data_set(tmp_path)
    assert [(s.frame, len(s.boxes)) for s in data_set.samples] == [(1, 1), (2, 0), (3, 0)]
    assert data_set.samples[0].ignored.tolist() == [[40, 10, 60, 25]]
    assert problems(data_set) == [
        ("BOX_OUTSIDE", "M0101_gt_whole.txt, frame 1"),
        ("FLAT_BOX", "M0101_gt_whole.txt, frame 1"),
        ("FLAT_BOX", "M0101_gt_whole.txt, frame 2"),
        ("FLAT_BOX", "M0101_gt_whole.txt, frame 3"),
        ("MISSING_FRAME", "M0101_gt_whole.txt, frame 4"),
        ("NO_IMAGES", f"{GT}/M0103_gt_whole.txt"),
        ("UNKNOWN_CLASS", "M0101_gt_whole.txt, frame 1, class 7"),
        ("UNREADABLE_FILE", f"{GT}/M0102_gt_whole.txt:1: expected at least 9 columns, got 5"),
    ]


def test_duplicate_boxes_and_unknown_codes_are_reported(tmp_path: Path) -> None:
    whole = (
        "1,1,10,10,20,15,1,1,1\n1,2,40,10,20,15,0,1,1\n2,1,5,5,9,9,2,7,1\n1,1,11,10,20,15,1,1,1\n"
    )
    write_sequence(tmp_path, "M0101", whole, 2)
    data_set = read_data_set(tmp_path)
    assert [s.boxes[:, 0].tolist() for s in data_set.samples] == [[10, 40], [5]]
    assert [s.hidden.tolist() for s in data_set.samples] == [[0, 0], [pytest.approx(0.4)]]
    assert problems(data_set) == [
        ("STATED_TWICE", "M0101_gt_whole.txt, frame 1, id 1"),
        ("UNKNOWN_CODE", "M0101_gt_whole.txt, frame 1, out of view 0"),
        ("UNKNOWN_CODE", "M0101_gt_whole.txt, frame 2, occlusion 7"),
    ]


def test_the_real_ground_truth(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    gt = shared("uavdt") / "GT"
    (tmp_path / "GT").symlink_to(gt)
    for number in range(910, 940):
        write_image(tmp_path / "M0203" / f"img{number:06d}.jpg", 1024, 540)
    data_set = read_data_set(tmp_path)
    assert [sample.frame for sample in data_set.samples] == list(range(910, 940))
    assert set(data_set.label_counts()) <= {"car", "truck", "bus"}
    scored = read_uavdt_ground_truth(gt, "M0203")
    for sample in data_set.samples:
        assert sample.frame is not None
        kept = scored.objects.frames == sample.frame - 1
        inside = scored.objects.boxes[kept].clip(0, [1024, 540, 1024, 540])
        assert sorted(sample.boxes.tolist()) == sorted(inside.tolist())
        assert len(sample.ignored) == (scored.ignored.frames == sample.frame - 1).sum() > 0
    with pytest.raises(ConfigError, match="annotated sequence without images"):
        read_data_set(gt)


def test_current_directory_may_be_a_sequence_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "M0203"
    write_image(root / "img000001.jpg")
    write_image(root / "M0203-sheet.jpg")
    (root / "M0203_gt_whole.txt").write_text("1,1,10,10,20,20,1,1,1\n")
    monkeypatch.chdir(root)
    data_set = read_data_set(Path())
    assert [(each.scene, each.path.name) for each in data_set.samples] == [
        ("M0203", "img000001.jpg")
    ]
