"""Split, scene and frame number of images in a COCO data set."""

from __future__ import annotations

from pathlib import Path

from tests.tools.datasets.conftest import write_image
from tests.tools.datasets.test_coco import box, entry, write_json
from tools.datasets.formats import read_data_set


def test_split_in_the_file_name_takes_precedence_over_its_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "training" / "val.json", [entry(1, "a.png")], [box(1, 1, 1, 9, 9)])
    write_image(tmp_path / "training" / "a.png")
    (sample,) = read_data_set(tmp_path).samples
    assert sample.conditions == {"split": "val"}


def test_frames_are_in_order_and_an_empty_scene_counts_as_missing(tmp_path: Path) -> None:
    images = [entry(n, f"{n}.png", scene="s", frame=n) for n in (10, 9)]
    images.append(entry(1, "a.png", scene=""))
    write_json(tmp_path / "annotations.json", images, [box(9, 1, 1, 9, 9)])
    for image in images:
        write_image(tmp_path / "images" / image["file_name"])
    samples = read_data_set(tmp_path).samples
    assert [(sample.scene, sample.frame) for sample in samples] == [
        ("a", None),
        ("s", 9),
        ("s", 10),
    ]


def test_keypoint_files_beside_instance_files_are_not_read(tmp_path: Path) -> None:
    boxes = [box(1, 1, 1, 9, 9), box(1, 30, 1, 9, 9)]
    for name in ("instances_val", "person_keypoints_val"):
        write_json(tmp_path / "annotations" / f"{name}.json", [entry(1, "a.png")], boxes[:1])
    write_image(tmp_path / "images" / "a.png")
    data_set = read_data_set(tmp_path)
    assert ([len(sample.boxes) for sample in data_set.samples], data_set.problems) == ([1], [])
    write_json(tmp_path / "annotations.json", [entry(1, "a.png")], boxes)  # then the only file read
    data_set = read_data_set(tmp_path)
    assert ([len(sample.boxes) for sample in data_set.samples], data_set.problems) == ([2], [])
