from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import ConfigError
from tests.tools.datasets.conftest import problems, write_image
from tools.datasets.formats import read_data_set
from tools.datasets.yolo_labels import label_file

YAML = "path: {root}\ntrain: images/train\nval: images/val\nnames:\n  0: car\n  2: bus\n"


def write_labels(root: Path, name: str, text: str) -> None:
    path = root / "labels" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_set(root: Path, yaml: str, labels: str) -> None:
    """Writes a training image with labels and a validation image with an empty label file."""
    (root / "data.yaml").write_text(yaml)
    write_image(root / "images" / "train" / "a.jpg", 100, 50)
    write_image(root / "images" / "val" / "b.png", 60, 40)
    write_labels(root, "train/a", labels)
    write_labels(root, "val/b", "")


def test_names_as_a_mapping_and_an_empty_label_file(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "0 0.5 0.5 0.2 0.4\n\n2 0.1 0.2 0.1 0.2\n")
    write_labels(tmp_path, "train/classes", "car\nvan\nbus\n")
    data_set = read_data_set(tmp_path)
    assert (data_set.format, data_set.problems) == ("yolo", [])
    a, b = data_set.samples
    np.testing.assert_allclose(a.boxes, [[40, 15, 60, 35], [5, 5, 15, 15]], atol=1e-4)
    assert (a.labels, a.width, a.height) == (("car", "bus"), 100, 50)
    assert (b.boxes.shape, b.width, b.height) == ((0, 4), 60, 40)
    assert [s.conditions["split"] for s in (a, b)] == ["train", "val"]
    assert [s.scene for s in (a, b)] == ["train/a", "val/b"]


def test_an_image_without_a_label_file_is_empty_and_reported(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "labels" / "val" / "b.txt").unlink()
    data_set = read_data_set(tmp_path)
    assert [len(sample.boxes) for sample in data_set.samples] == [1, 0]
    assert problems(data_set) == [("NO_LABEL_FILE", "labels/val/b.txt")]


@pytest.mark.parametrize(
    "yaml",
    [
        "train: images/train\nval: images/val\nnames: [car, van, bus]\nnc: 3\n",
        "train: ../images/train\nval: ../images/val\nnames: [car, van, bus]\n",  # as exported
        "path: ../datasets/gone\ntrain: images/train\nval: images/val\nnames: [car, van, bus]\n",
        "train: [images/train, images/val]\nnames: [car, van, bus]\n",
        "train: images\nnames: [car, van, bus]\n",
        "train: list.txt\nnames: [car, van, bus]\n",
        "train: images/train\nvalid: images/val\nnames: [car, van, bus]\n",
        "train: images/train\nvalidation: [images/val]\nval:\nnames: [car, van, bus]\n",
    ],
)
def test_ways_to_name_images(tmp_path: Path, yaml: str) -> None:
    write_set(tmp_path, yaml, "2 0.5 0.5 0.2 0.4\n")
    (tmp_path / "list.txt").write_text(f"./images/train/a.jpg\n{tmp_path}/images/val/b.png\n")
    data_set = read_data_set(tmp_path)
    assert [sample.path.name for sample in data_set.samples] == ["a.jpg", "b.png"]
    assert data_set.samples[0].labels == ("bus",)
    assert data_set.problems == []


def test_duplicate_class_name_is_reported(tmp_path: Path) -> None:
    yaml = "train: images/train\nnames: [car, car, bus]\nnc: 3\n"
    write_set(tmp_path, yaml, "1 0.5 0.5 0.2 0.4\n")
    data_set = read_data_set(tmp_path)
    assert problems(data_set) == [("STATED_TWICE", "data.yaml: class car")]


def test_path_key_is_the_root_of_images_and_labels(tmp_path: Path) -> None:
    write_image(tmp_path / "set" / "images" / "train" / "a.jpg")
    write_image(tmp_path / "set" / "images" / "val" / "b.png")
    write_labels(tmp_path / "set", "train/a", "0 0.5 0.5 0.2 0.4\n")
    write_labels(tmp_path / "set", "val/b", "")
    (tmp_path / "data.yaml").write_text(YAML.format(root="set"))
    data_set = read_data_set(tmp_path)
    assert [sample.path.name for sample in data_set.samples] == ["a.jpg", "b.png"]
    assert data_set.problems == []


def test_split_folders_with_their_own_images_and_labels(tmp_path: Path) -> None:
    """The alternative layout: each split has its own folders ``images`` and ``labels``."""
    (tmp_path / "data.yaml").write_text("train: ../train/images\nnames: [car]\n")
    write_image(tmp_path / "train" / "images" / "images.jpg")
    (tmp_path / "train" / "labels").mkdir()
    (tmp_path / "train" / "labels" / "images.txt").write_text("0 0.5 0.5 1.000001 1\n")
    (sample,) = read_data_set(tmp_path).samples
    assert sample.boxes.tolist() == [[0, 0, 96, 54]]


def test_last_images_folder_in_a_path_becomes_labels() -> None:
    assert label_file(Path("/images/set/images/train/images.jpg")) == Path(
        "/images/set/labels/train/images.txt"
    )
    assert label_file(Path("/set/train/a.jpg")) == Path("/set/train/a.txt")


def test_polygon_is_reduced_to_its_box(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root="."), "\ufeff0 -0.001 0.2 0.5 0.2 0.3 0.6\n")
    boxes = read_data_set(tmp_path).samples[0].boxes
    np.testing.assert_allclose(boxes, [[0, 10, 50, 30]], atol=1e-4)


def test_box_is_read_from_rows_with_keypoints(tmp_path: Path) -> None:
    """Keypoints may lie outside the image; invisible ones are at 0."""
    keypoints = " 0 0 1.2 0.5 0.4 0.1 0.1 0.2"
    labels = (
        f"0 0.5 0.5 0.2 0.4{keypoints}\n2 0.1 0.2 0.1 0.2\n2 0.1 0.2 0.1 0.2{keypoints} 2\n"
        f"2 0.1 0.2 0.1 20{keypoints}\n"
    )
    write_set(tmp_path, YAML.format(root=".") + "kpt_shape: [4, 2]\n", labels)
    data_set = read_data_set(tmp_path)
    np.testing.assert_allclose(data_set.samples[0].boxes, [[40, 15, 60, 35]], atol=1e-4)
    file = "labels/train/a.txt"
    assert problems(data_set) == [
        ("UNREADABLE_ROW", f"{file}:2: expected 13 columns by kpt_shape, got 5"),
        ("UNREADABLE_ROW", f"{file}:3: expected 13 columns by kpt_shape, got 14"),
        ("UNREADABLE_ROW", f"{file}:4: coordinates must be shares of the image, from 0 to 1"),
    ]


def test_val_split_may_be_called_valid(tmp_path: Path) -> None:
    write_set(tmp_path, "train: images/train\nvalid: images/val\nnames: [car]\n", "")
    assert [s.conditions["split"] for s in read_data_set(tmp_path).samples] == ["train", "val"]


def test_unusable_entries_are_reported(tmp_path: Path) -> None:
    labels = (
        "0 0.5 0.5 0.2 0.4\n1 0.8 0.5 0.2 0.4\n0 0.5 0.5 0 0.4\n0 1.0 0.5 0.2 0.4\n"
        "0 50 25 10 10\ncar 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\n0 nan 0.5 0.1 0.1\n"
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4\n0 0.1 0.1 0.2 0.2 0.3\n"
    )
    write_set(tmp_path, YAML.format(root=tmp_path) + "test: images/test\n", labels)
    write_labels(tmp_path, "train/gone", "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "images" / "val" / "bad.jpg").write_bytes(b"")
    data_set = read_data_set(tmp_path)
    first = data_set.samples[0]
    np.testing.assert_allclose(first.boxes, [[40, 15, 60, 35], [90, 15, 100, 35]], atol=1e-4)
    assert first.hidden.tolist() == pytest.approx([0, 0.5])
    np.testing.assert_allclose(first.ignored, [[70, 15, 90, 35]], atol=1e-4)
    file = "labels/train/a.txt"
    shares = "coordinates must be shares of the image, from 0 to 1"
    assert problems(data_set) == [
        ("BOX_CUT", f"{file}:4"),
        ("FLAT_BOX", f"{file}:3"),
        ("MISSING_FRAME", "labels/train/gone.txt"),
        ("MISSING_IMAGE", "data.yaml: test: images/test"),
        ("UNKNOWN_CLASS", f"{file}:2: class 1"),
        (
            "UNREADABLE_IMAGE",
            "cannot read image images/val/bad.jpg: not an image, or damaged",
        ),
        ("UNREADABLE_ROW", f"{file}:10: expected 5 columns or a polygon, got 6"),
        ("UNREADABLE_ROW", f"{file}:5: {shares}"),
        ("UNREADABLE_ROW", f"{file}:6: could not convert string to float: 'car'"),
        ("UNREADABLE_ROW", f"{file}:7: expected 5 columns or a polygon, got 4"),
        ("UNREADABLE_ROW", f"{file}:8: {shares}"),
        ("UNREADABLE_ROW", f"{file}:9: expected 5 columns or a polygon, got 8"),
    ]


@pytest.mark.parametrize(
    "content", ["0 0.5 0.5 0.2 0.4\n".encode("utf-16"), b"0 0.5 0.5 1 1\n\xff"]
)
def test_image_with_an_unreadable_label_file_is_left_out(tmp_path: Path, content: bytes) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "")
    (tmp_path / "labels" / "train" / "a.txt").write_bytes(content)
    data_set = read_data_set(tmp_path)
    assert [sample.path.name for sample in data_set.samples] == ["b.png"]
    assert problems(data_set) == [
        ("UNREADABLE_FILE", "cannot read labels/train/a.txt: not a text file")
    ]


def test_entries_of_a_list_in_utf_16_are_missing_images(tmp_path: Path) -> None:
    """PowerShell writes such lists, with a NUL beside each character."""
    write_set(tmp_path, "train: a.txt\nval: images/val\nnames: [car]\n", "")
    (tmp_path / "a.txt").write_text("./images/train/a.jpg\n", encoding="utf-16")
    data_set = read_data_set(tmp_path)
    assert [sample.path.name for sample in data_set.samples] == ["b.png"]
    assert all(kind == "MISSING_IMAGE" for kind, _ in problems(data_set))


def test_image_in_two_splits_belongs_to_the_first(tmp_path: Path) -> None:
    write_set(tmp_path, "train: images\nval: images/val\nnames: [car]\n", "")
    data_set = read_data_set(tmp_path)
    assert [s.conditions["split"] for s in data_set.samples] == ["train", "train"]
    assert problems(data_set) == [("STATED_TWICE", "images/val/b.png, again in val")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [car\ntrain: images\n", "data.yaml:2: "),
        ("- car\n", "data.yaml: expected keys such as names and train"),
        ("train: images\n", "data.yaml: names must list the classes, got None"),
        ("train: images\nnames: {car: 0}\n", "names must list the classes"),
        ("train: images\nnames: car\n", "data.yaml: names must list the classes, got 'car'"),
        (
            "train: images\nnames: [car]\nkpt_shape: 8\n",
            "data.yaml: kpt_shape must be two numbers such as [17, 3], got 8",
        ),
        ("train: images\nnames: [car]\nnc: 4\n", "data.yaml: nc is 4, but names has 1 class"),
        ("train: images\nnames: [car, bus]\nnc: 1\n", "nc is 1, but names has 2 classes"),
        ("names: [car]\n", "one of train, val and test must name images"),
        ("names: [car]\ntrain: nowhere\n", "missing image: data.yaml: train: nowhere"),
    ],
)
def test_broken_data_yaml_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_data_set(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_the_same_name_have_separate_masks(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "0 0.5 0.5 0.2 0.4\n")
    write_image(tmp_path / "images" / "val" / "a.jpg", 60, 40)
    mask = write_image(tmp_path / "masks" / "train" / "a" / "a.png", 100, 50)
    data_set = read_data_set(tmp_path)
    masks = {sample.scene: sample.mask for sample in data_set.samples}
    assert masks == {"train/a": mask, "val/a": None, "val/b": None}


def test_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text("train: list.txt\nnames: [car]\n")
    (tmp_path / "list.txt").write_text("\ufeffimages/train/a.jpg\n", encoding="utf-8")
    data_set = read_data_set(tmp_path)
    assert [sample.scene for sample in data_set.samples] == ["train/a"]
    assert data_set.problems == []


def test_class_that_is_not_a_whole_number_is_reported(tmp_path: Path) -> None:
    write_set(tmp_path, YAML.format(root=tmp_path), "0.7 0.5 0.5 0.2 0.4\n0.0 0.5 0.5 0.2 0.4\n")
    data_set = read_data_set(tmp_path)
    assert [sample.labels for sample in data_set.samples] == [("car",), ()]
    ((kind, location),) = problems(data_set)
    assert kind == "UNREADABLE_ROW"
    assert location.endswith("a.txt:1: class 0.7 is not a whole number")


def test_paths_in_a_list_are_relative_to_its_folder(tmp_path: Path) -> None:
    write_set(tmp_path, "train: lists/train.txt\nnames: [car]\n", "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("../images/train/a.jpg\n")
    assert [len(sample.boxes) for sample in read_data_set(tmp_path).samples] == [1]


def test_data_yaml_takes_precedence_and_samples_are_sorted_by_scene(
    tmp_path: Path,
) -> None:
    write_set(tmp_path, "train: images/val\nval: images/train\nnames: [car]\n", "")
    (tmp_path / "a.yaml").write_text("train: images/gone\nnames: [other]\n")
    data_set = read_data_set(tmp_path)
    assert [sample.scene for sample in data_set.samples] == ["train/a", "val/b"]
    assert data_set.problems == []
