from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.errors import ConfigError
from tests.tools.datasets.conftest import problems, write_image
from tools.datasets.formats import read_data_set

CATEGORIES = [{"id": 1, "name": "car"}, {"id": 4, "name": "bus"}]


def write_json(file: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    numbered = [{"id": i, **each} for i, each in enumerate(annotations, 100)]
    content = {"images": images, "annotations": numbered, "categories": CATEGORIES}
    file.write_text(json.dumps(content))


def entry(number: int | str, name: str, **more: object) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 96, "height": 54, **more}


def box(image: int | str, *sides: float, category: int = 1, **more: object) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": list(sides), **more}


def test_annotations_json_with_an_images_folder(tmp_path: Path) -> None:
    write_json(
        tmp_path / "annotations.json",
        [entry(2, "b.jpg", scene="crossing"), entry(1, "a.png")],
        [box(1, 10, 20, 30, 10), box(1, 1, 2, 3, 4, category=4), box(2, 5, 5, 9, 9)],
    )
    first = write_image(tmp_path / "images" / "a.png")
    write_image(tmp_path / "images" / "b.jpg")
    data_set = read_data_set(tmp_path)
    assert (data_set.format, data_set.problems) == ("coco", [])
    a, b = data_set.samples
    assert (a.path, a.scene, b.scene) == (first, "a", "crossing")
    assert a.boxes.tolist() == [[10, 20, 40, 30], [1, 2, 4, 6]]
    assert a.labels == ("car", "bus")
    assert (a.frame, a.conditions, a.hidden.tolist()) == (None, {}, [0, 0])


def test_scene_frame_conditions_hidden_and_mask_extend_the_format(tmp_path: Path) -> None:
    more = {"scene": "s", "frame": 7, "conditions": {"weather": "fog"}}
    write_json(
        tmp_path / "annotations.json",
        [entry(1, "a.png", **more)],
        [box(1, 10, 20, 30, 10, hidden=0.5)],
    )
    write_image(tmp_path / "images" / "a.png")
    mask = write_image(tmp_path / "masks" / "s" / "a.png")
    (sample,) = read_data_set(tmp_path).samples
    assert (sample.scene, sample.frame, sample.mask) == ("s", 7, mask)
    assert (sample.conditions, sample.hidden.tolist()) == ({"weather": "fog"}, [0.5])


def test_images_of_one_scene_and_name_do_not_share_a_mask(tmp_path: Path) -> None:
    names = ("one/a.png", "two/a.png", "two/b.png")
    entries = [entry(number, name, scene="s") for number, name in enumerate(names, 1)]
    write_json(tmp_path / "annotations.json", entries, [box(1, 10, 20, 30, 10)])
    for name in names:
        write_image(tmp_path / "images" / name)
    masks = [write_image(tmp_path / "masks" / "s" / name) for name in ("a.png", "b.png")]
    data_set = read_data_set(tmp_path)
    used = {
        sample.path.relative_to(tmp_path / "images"): sample.mask for sample in data_set.samples
    }
    assert list(map(str, used)) == list(names)
    assert list(used.values()) == [masks[0], None, masks[1]]
    [problem] = data_set.problems
    assert problem.kind == "image with the mask of another one, used without it"
    assert problem.location.endswith("two/a.png")


def test_ids_may_be_written_as_decimals(tmp_path: Path) -> None:
    annotated = box(1, 2, 2, 9, 9) | {"image_id": 1.0, "category_id": 4.0}
    write_json(tmp_path / "annotations.json", [entry(1, "a.png")], [annotated])
    write_image(tmp_path / "images" / "a.png")
    data_set = read_data_set(tmp_path)
    assert (data_set.samples[0].labels, data_set.problems) == (("bus",), [])


def test_crowds_and_unknown_categories_are_ignored(tmp_path: Path) -> None:
    write_json(
        tmp_path / "annotations.json",
        [entry(1, "a.png")],
        [
            box(1, 1, 1, 9, 9, iscrowd=1),
            box(1, 20, 20, 9, 9, ignore=1),
            box(1, 40, 40, 99, 9, category=9),
            box(1, 2, 2, 9, 9),
        ],
    )
    write_image(tmp_path / "images" / "a.png")
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert sample.ignored.tolist() == [[1, 1, 10, 10], [20, 20, 29, 29], [40, 40, 96, 49]]
    assert sample.boxes.tolist() == [[2, 2, 11, 11]]
    assert problems(data_set) == [
        ("UNKNOWN_CLASS", "annotations.json: a.png, annotation 102, category 9")
    ]


def test_annotation_without_a_box_gets_that_of_its_polygons(tmp_path: Path) -> None:
    polygons = [[10, 20, 40, 22, 30, 30], [50, 25, 48, 26, 44, 19.5]]
    odd, triangle = [[10, 20, 40, 22, 30]], [[10, 20, 40, 22, 30, 30]]
    without: list[dict[str, Any]] = [
        {"segmentation": polygons},
        {"segmentation": triangle, "bbox": []},
        {"segmentation": [[]], "bbox": None},
        {"segmentation": {"size": [54, 96], "counts": "0"}},
        {},
        {"segmentation": odd},
    ]
    write_json(
        tmp_path / "annotations.json",
        [entry(1, "a.png")],
        [{"image_id": 1, "category_id": 1, **each} for each in without],
    )
    write_image(tmp_path / "images" / "a.png")
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert sample.boxes.tolist() == [[10, 19.5, 50, 30], [10, 20, 40, 30]]
    location = "annotations.json: a.png, annotation"
    assert problems(data_set) == [
        *(("UNREADABLE_ROW", f"{location} {number}: no 'bbox'") for number in (102, 103, 104)),
        ("UNREADABLE_ROW", f"{location} 105: polygon with an odd number of coordinates"),
    ]


def test_the_layout_of_coco_itself(tmp_path: Path) -> None:
    """Uses two splits whose images have the same names."""
    for split, left in (("train2017", 10), ("val2017", 20)):
        write_json(
            tmp_path / "annotations" / f"instances_{split}.json",
            [entry(1, "01.jpg")],
            [box(1, left, 5, 10, 10)],
        )
        write_image(tmp_path / split / "01.jpg")
    (tmp_path / "annotations" / "captions_val2017.json").write_text("{}")
    samples = read_data_set(tmp_path).samples
    found = {(s.path.parent.name, s.conditions["split"], s.boxes[0, 0].item()) for s in samples}
    assert found == {("train2017", "train", 10), ("val2017", "val", 20)}


@pytest.mark.parametrize(
    ("json_name", "image_name", "file_name"),
    [
        ("instances.json", "a.jpg", "a.jpg"),
        ("labels.json", "images/sub/a.jpg", "sub/a.jpg"),
        ("labels.json", "images/train/a.jpg", "a.jpg"),
        ("train/_annotations.coco.json", "train/a.jpg", "a.jpg"),
        ("annotations/instances_default.json", "images/a.jpg", "a.jpg"),
        ("annotations/instances_default.json", "images/a.jpg", "images/a.jpg"),
    ],
)
def test_other_layouts(tmp_path: Path, json_name: str, image_name: str, file_name: str) -> None:
    write_json(tmp_path / json_name, [entry(1, file_name)], [box(1, 1, 1, 9, 9)])
    path = write_image(tmp_path / image_name)
    (tmp_path / "results.json").write_text('[{"image_id": 1}]')
    data_set = read_data_set(tmp_path)
    assert [sample.path for sample in data_set.samples] == [path]
    assert data_set.problems == []


@pytest.mark.parametrize("as_given", [False, True])
def test_file_name_with_windows_separators(tmp_path: Path, as_given: bool) -> None:
    """On other systems, a backslash may be part of a file name."""
    name = r"images\default\a.jpg"
    write_json(tmp_path / "instances.json", [entry(1, name)], [box(1, 1, 1, 9, 9)])
    path = write_image(tmp_path / "images" / "default" / "a.jpg")
    if as_given:
        path = path.rename(tmp_path / name)
    data_set = read_data_set(tmp_path)
    assert [sample.path for sample in data_set.samples] == [path]
    assert data_set.problems == []


@pytest.mark.parametrize(
    "size",
    [{}, {"width": 80}, {"width": 0, "height": 0}, {"width": None, "height": None}],
)
def test_the_size_may_be_missing(tmp_path: Path, size: dict[str, object]) -> None:
    images = [{"id": 1, "file_name": "a.jpg", **size}]
    write_json(tmp_path / "annotations.json", images, [box(1, 1, 1, 9, 9)])
    write_image(tmp_path / "images" / "a.jpg", 80, 60)
    (sample,) = read_data_set(tmp_path).samples
    assert (sample.width, sample.height) == (80, 60)


def test_unusable_entries_are_reported(tmp_path: Path) -> None:
    write_json(
        tmp_path / "annotations.json",
        [
            entry(1, "a.png"),
            entry(2, "gone.png"),
            {"id": 3, "file_name": "b.png"},
            {"id": 4, "file_name": "a.png", "width": 0, "height": 9},
        ],
        [
            box(1, 5, 5, 0, 9, category=4),
            box(1, 5, 5, 9),
            box(1, 500, 5, 9, 9),
            box(1, 90, 5, 12, 9, hidden=0.25),
            box(1, 2, 2, 9, 9, hidden=1),
            box(1, 5, 5, float("nan"), 9),
            box(77, 1, 1, 9, 9),
            box(2, 1, 1, 9, 9),
            box(1, 1, 1, 9, 9, hidden=1.5),
        ],
    )
    write_image(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "b.png").write_text("not an image")
    data_set = read_data_set(tmp_path)
    (sample,) = data_set.samples
    assert sample.boxes.tolist() == [[90, 5, 96, 14], [2, 2, 11, 11]]
    assert (sample.labels, sample.hidden.tolist()) == (("car", "car"), [0.5, 1])
    location = "annotations.json: a.png, annotation"
    bad = "cannot read image images/b.png: not an image, or damaged"
    assert problems(data_set) == [
        ("BOX_CUT", "annotations.json: a.png, car"),
        ("BOX_OUTSIDE", "annotations.json: a.png, car"),
        ("FLAT_BOX", "annotations.json: a.png, bus"),
        ("FLAT_BOX", "annotations.json: a.png, car"),
        ("MISSING_FRAME", "annotations.json: image 77 is not listed"),
        ("MISSING_IMAGE", "annotations.json: gone.png"),
        ("STATED_TWICE", "annotations.json: image 4: a.png"),
        ("UNREADABLE_IMAGE", f"annotations.json: {bad}"),
        ("UNREADABLE_ROW", f"{location} 101: bbox of 3 numbers"),
        ("UNREADABLE_ROW", f"{location} 108: hidden 1.5"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [],\n "annotations": [}', "annotations.json:2: not valid JSON"),
        ('{"images": []}', "it needs images, annotations, categories"),
        ('{"images": [{}], "annotations": [], "categories": []}', "image number 1: no 'id'"),
        ("\x00\xff", "annotations.json"),
        ("[" * 100_000, "annotations.json: its JSON is nested too deep"),
        ("9" * 5000, "annotations.json: Exceeds the limit"),
    ],
)
def test_broken_file_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "annotations.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        read_data_set(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_broken_file_of_several_is_left_out(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", [entry(1, "a.jpg")], [box(1, 1, 1, 9, 9)])
    write_json(tmp_path / "val.json", [{"file_name": "a.jpg"}], [])
    (tmp_path / "other.json").write_text("{")
    write_image(tmp_path / "a.jpg")
    data_set = read_data_set(tmp_path)
    assert [sample.conditions for sample in data_set.samples] == [{"split": "train"}]
    assert problems(data_set) == [
        (
            "UNREADABLE_FILE",
            "other.json ends in the middle: it was cut off, or is still being written",
        ),
        ("UNREADABLE_ROW", "val.json: image number 1: no 'id'"),
    ]


def test_problems_distinguish_files_of_the_same_name_by_folder(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_json(tmp_path / split / "_annotations.coco.json", [entry(1, "gone.jpg")], [])
    write_json(tmp_path / "test" / "_annotations.coco.json", [entry(1, "a.jpg")], [])
    write_image(tmp_path / "test" / "a.jpg")
    assert problems(read_data_set(tmp_path)) == [
        ("MISSING_IMAGE", f"{split}/_annotations.coco.json: gone.jpg")
        for split in ("train", "valid")
    ]


def test_real_data(shared: Callable[[str], Path]) -> None:
    data_set = read_data_set(shared("traffic"))
    assert len(data_set.samples) == 284
    assert data_set.label_counts().total() == 4997
    assert data_set.problems == []
    assert len({sample.scene for sample in data_set.samples}) == 7


def test_duplicate_entries_are_used_once(tmp_path: Path) -> None:
    write_json(
        tmp_path / "annotations.json",
        [entry(1, "a.png"), entry(50, "a.png"), entry(2, "b.png"), entry(2, "c.png")],
        [box(1, 1, 1, 9, 9), box(2, 2, 2, 9, 9)],
    )
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.png")
    content = json.loads((tmp_path / "annotations.json").read_text())
    content["categories"].append({"id": 1, "name": "bus"})
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    data_set = read_data_set(tmp_path)
    assert [(sample.scene, sample.labels) for sample in data_set.samples] == [
        ("a", ("car",)),
        ("b", ("car",)),
    ]
    assert problems(data_set) == [
        ("STATED_TWICE", "annotations.json: category 1"),
        ("STATED_TWICE", "annotations.json: image 2"),
        ("STATED_TWICE", "annotations.json: image 50: a.png"),
    ]


def test_faulty_entries_are_skipped_individually(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations.json", [entry("x1", "a.png")], [box("x1", 1, 1, 9, 9)])
    write_image(tmp_path / "images" / "a.png")
    content = json.loads((tmp_path / "annotations.json").read_text())
    content["categories"].append({"id": 9})
    content["images"].append({"id": [], "file_name": "a.png"})
    content["annotations"].append({"bbox": [1, 1, 5, 5], "category_id": 1})
    content["annotations"].append({"id": 102, **box("x1", 1, 1, 10**400, 9)})
    infinite = float("inf")
    for number, more in enumerate(({"width": infinite}, {"height": 10**400}, {"frame": infinite})):
        content["images"].append(entry(number, f"{number}.png") | more)
        write_image(tmp_path / "images" / f"{number}.png")
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    data_set = read_data_set(tmp_path)
    assert [sample.labels for sample in data_set.samples] == [("car",)]
    assert problems(data_set) == [
        (
            "UNREADABLE_ROW",
            "annotations.json: a.png, annotation 102: int too large to convert to float",
        ),
        ("UNREADABLE_ROW", "annotations.json: annotations[1]: no image_id"),
        ("UNREADABLE_ROW", "annotations.json: category number 3: no 'name'"),
        *(("UNREADABLE_ROW", f"annotations.json: image {number}.png") for number in range(3)),
        (
            "UNREADABLE_ROW",
            "annotations.json: image number 2: id [] is neither a number nor a text",
        ),
    ]
