import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from stages.errors import ConfigError, SourceError
from tests.tools.conftest import change_coco, write_coco
from tools.datasets.sample import ProblemKind
from tools.training.class_map import ClassMap
from tools.training.data import draw_weights, read_training_data
from tools.training.trainer import train


def test_held_out_scenes_are_not_trained_on(tiny_config):
    data = read_training_data(tiny_config())
    assert {sample.scene for sample, _ in data.training} == {"a", "b"}
    [(_, held)] = data.validation.values()
    assert {sample.scene for sample in held} == {"c"}
    assert data.weights.sum() == pytest.approx(1)


def test_data_sets_of_the_same_name_are_scored_separately(tiny_config, tmp_path):
    paths = [write_coco(tmp_path / folder / "cam#1") for folder in ("east", "north", "west")]
    data = read_training_data(tiny_config(data=[{"path": p, "held_out": ["c"]} for p in paths]))
    assert list(data.validation) == ["cam#1", "cam#1#2", "cam#1#3"]
    held = [sample.path.parents[1] for _, samples in data.validation.values() for sample in samples]
    assert held == paths


@pytest.mark.parametrize(
    ("name", "kept", "flat", "reason"),
    [
        ("car", 0, 0, ""),
        ("Car", 8, 0, "6 x box of class Car, which is in neither classes nor background"),
        ("bike", 8, 0, "6 x box of class bike, which is background"),
        ("Car", 8, 5, "5 x box without area"),
    ],
)
def test_training_images_without_usable_boxes_are_an_error(
    tiny_config, data_set, name, kept, flat, reason
):
    def strip(content):
        content["categories"][0]["name"] = name
        content["annotations"] = content["annotations"][:kept]
        for annotation in content["annotations"][:flat]:
            annotation["bbox"][2] = 0

    change_coco(data_set, strip)
    with pytest.raises(ConfigError) as error:
        train(tiny_config())
    detail = f"; most often, {reason}" if reason else ""
    first = "none of 3 training images has a box of car, van, bus, truck, others, vehicle"
    assert str(error.value) == f"{first}{detail}; see classes, and spotstream data check"


@pytest.mark.parametrize(
    ("edit", "kind"),
    [({"bbox": [200, 5, 9, 9]}, ProblemKind.BOX_OUTSIDE),
     ({"category_id": 9}, ProblemKind.UNKNOWN_CLASS),
     ({"bbox": [5, 5]}, ProblemKind.UNREADABLE_ROW),
     ({"bbox": [-5, 5, 20, 20]}, None)],
)  # fmt: skip
def test_lacking_boxes_are_counted_over_all_data_sets(tiny_config, data_set, tmp_path, edit, kind):
    other = write_coco(tmp_path / "other")
    change_coco(data_set, lambda content: content["annotations"][0].update(edit))
    data = read_training_data(tiny_config(data=[{"path": data_set}, {"path": other}]))
    assert data.lacking == ({kind: 1} if kind else {})


def test_images_without_label_files_may_lack_boxes(tiny_config, data_set):
    (data_set / "annotations.json").unlink()
    (data_set / "data.yaml").write_text("train: images\nval: images\nnames: [car]\n")
    (data_set / "labels").mkdir()
    (data_set / "labels" / "1.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    data = read_training_data(tiny_config(data=[{"path": data_set}]))
    assert data.lacking == {ProblemKind.NO_LABEL_FILE: 3}


def test_held_out_images_without_usable_boxes_are_reported(tiny_config, data_set):
    def strip(content):
        held = {image["id"] for image in content["images"] if image.get("scene") == "c"}
        assert held
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] not in held]

    message = (
        "no held-out image has a box of car, van, bus, truck, others, vehicle; there is nothing"
    )
    config = tiny_config(data=[{"path": data_set, "held_out": ["c"]}])
    assert not any(message in note for note in read_training_data(config).notes)
    change_coco(data_set, strip)
    assert sum(message in note for note in read_training_data(config).notes) == 1


def test_weight_of_a_scene_is_the_root_of_its_image_count(tiny_config):
    data = read_training_data(tiny_config())
    weights = draw_weights([sample for sample, _ in data.training])
    assert weights[:2].sum() / weights[2] == pytest.approx(2**0.5)


def test_a_data_set_is_drawn_by_its_share(tiny_config, data_set, tmp_path):
    other = write_coco(tmp_path / "other")
    entries = [{"path": data_set, "share": 3}, {"path": other, "share": 1}]
    weights = read_training_data(tiny_config(data=entries)).weights
    assert weights[:4].sum() == pytest.approx(0.75)


def test_missing_scene_cannot_be_held_out(tiny_config, data_set):
    config = tiny_config(data=[{"path": data_set, "held_out": ["c", "nowhere"]}])
    with pytest.raises(ConfigError, match="no scene or split nowhere to hold out"):
        read_training_data(config)


def test_scene_held_out_in_one_entry_only_is_rejected(tiny_config, data_set):
    entries = [{"path": data_set, "held_out": [scene]} for scene in "cb"]
    with pytest.raises(ConfigError, match=r"scene c is held out, but another entry"):
        read_training_data(tiny_config(data=entries))


@pytest.mark.parametrize("paths", [("drawn", "link"), ("link", "drawn")])
def test_held_out_scene_is_recognised_by_any_path(tiny_config, data_set, tmp_path, paths):
    (tmp_path / "link").symlink_to(data_set)
    entries = [{"path": tmp_path / paths[0], "held_out": ["c"]}, {"path": tmp_path / paths[1]}]
    with pytest.raises(ConfigError, match=r"scene c is held out, but another entry"):
        read_training_data(tiny_config(data=entries))


def test_a_data_set_is_held_out_as_a_whole(tiny_config, data_set, tmp_path):
    other = write_coco(tmp_path / "other")
    entries = [{"path": data_set}, {"path": other, "held_out": "all"}]
    data = read_training_data(tiny_config(data=entries))
    [(_, held)] = data.validation.values()
    assert {sample.path.parent.parent for sample in held} == {other}
    assert len(held) == len(data.training) == len(data.weights) == 4


def test_a_split_is_held_out_as_a_whole(tiny_config, data_set):
    change_splits(data_set)
    config = tiny_config(data=[{"path": data_set, "held_out": ["val"]}])
    data = read_training_data(config)
    [(_, held)] = data.validation.values()
    assert {sample.scene for sample in held} == {"b"}
    assert {sample.scene for sample, _ in data.training} == {"a", "c"}
    assert [note.partition(": ")[2] for note in data.notes] == [
        "1 image of its split test is trained on; held_out: [test] keeps them for validation, "
        "by which the best weights are chosen"
    ]


def test_val_and_test_splits_trained_on_are_reported(tiny_config, tmp_path):
    data_set = write_coco(tmp_path / "many", "abcc")
    change_splits(data_set)
    notes = read_training_data(tiny_config(data=[{"path": data_set}])).notes
    assert [note.partition(": ")[2].partition(" trained")[0] for note in notes] == [
        "1 image of its split val is",
        "2 images of its split test are",
    ]


def test_held_out_splits_are_not_reported(tiny_config, data_set):
    change_splits(data_set)
    config = tiny_config(data=[{"path": data_set, "held_out": ["val", "test"]}])
    assert read_training_data(config).notes == []


def change_splits(data_set):
    """Splits the annotations into three files: scene a is train, b is val, c is test."""
    file = data_set / "annotations.json"
    content = json.loads(file.read_text())
    file.unlink()
    for split, scene in (("train", "a"), ("val", "b"), ("test", "c")):
        images = [image for image in content["images"] if image["scene"] == scene]
        part = {**content, "images": images}
        part["annotations"] = [
            each
            for each in content["annotations"]
            if each["image_id"] in {image["id"] for image in images}
        ]
        (data_set / f"instances_{split}.json").write_text(json.dumps(part))


def test_cut_boxes_are_not_reported_as_left_out(tiny_config, data_set):
    def edit(content):
        content["annotations"][0]["bbox"] = [-5, 5, 20, 20]
        content["annotations"][1]["bbox"] = [5, 5, 0, 0]

    change_coco(data_set, edit)
    notes = [note.partition(": ")[2] for note in read_training_data(tiny_config()).notes]
    assert sorted(notes) == [
        "1 x box beyond the border of the frame, cut there",
        "1 x box without area, left out",
    ]


def test_unknown_classes_are_reported_and_give_no_loss(tiny_config, data_set):
    def edit(content):
        content["categories"].append({"id": 3, "name": "tram"})
        content["annotations"][0]["category_id"] = 3  # of image 1, scene a
        content["annotations"][1]["category_id"] = 2  # a bike

    change_coco(data_set, edit)
    config = tiny_config()
    data = read_training_data(config)
    assert any(
        "class tram is in neither" in note and note.endswith("from its 1 box")
        for note in data.notes
    )
    first = next(sample for sample, _ in data.training if sample.path.name == "1.png")
    annotated = ClassMap.of(config).annotated_image(first, 1.0)
    assert len(annotated.boxes) == 0
    assert len(annotated.ignored) == 1
    assert np.array_equal(annotated.ignored[0], first.boxes[first.labels.index("tram")])


def test_class_without_a_box_is_reported_unless_there_is_a_teacher(tiny_config):
    """Its name may be misspelled; a teacher may know a class without boxes."""
    config = tiny_config(classes={"car": ["car"], "truck": ["Truck", "lorry"], "bus": []})
    reported = [
        note for note in read_training_data(config).notes if note.startswith("no training image")
    ]
    assert reported == [
        "no training image has a box of class truck, which includes Truck, lorry",
        "no training image has a box of class bus, which includes -",
    ]
    taught = config.model_copy(update={"teacher": "base"})
    assert not any(
        note.startswith("no training image") for note in read_training_data(taught).notes
    )


def test_boxes_in_crowds_give_no_loss(tiny_config, data_set):
    def edit(content):
        box = content["annotations"][0]["bbox"]
        content["annotations"].append(
            {"id": 99, "image_id": 1, "category_id": 1, "bbox": box, "iscrowd": 1}
        )

    change_coco(data_set, edit)
    config = tiny_config()
    data = read_training_data(config)
    first = next(sample for sample, _ in data.training if sample.path.name == "1.png")
    annotated = ClassMap.of(config).annotated_image(first, 1.0)
    assert len(annotated.boxes) == 1
    assert len(annotated.ignored) == 2  # the crowd, and the vehicle in it


def test_mask_is_read_on_request_and_must_match_its_image(tiny_config, data_set):
    file = data_set / "masks" / "a" / "1.png"
    file.parent.mkdir(parents=True)
    mask = np.zeros((80, 96), np.uint8)
    mask[10:20, 30:50] = 255
    cv2.imwrite(str(file), mask)
    config = tiny_config()
    first = next(s for s, _ in read_training_data(config).training if s.path.name == "1.png")
    classes = ClassMap.of(config)
    assert np.array_equal(classes.annotated_image(first, 1.0, with_mask=True).mask, mask)
    cv2.imwrite(str(file), mask[:, 1:])
    with pytest.raises(SourceError, match="is not as large as its image"):
        classes.annotated_image(first, 1.0, with_mask=True)
    assert classes.annotated_image(first, 1.0).mask is None


def test_boxes_of_background_classes_are_cleared_from_the_mask(tiny_config, data_set):
    file = data_set / "masks" / "a" / "1.png"
    file.parent.mkdir(parents=True)
    cv2.imwrite(str(file), np.full((80, 96), 255, np.uint8))
    config = tiny_config(background=["bike"])
    first = next(s for s, _ in read_training_data(config).training if s.path.name == "1.png")
    car, bike = [20, 10, 50, 40], [45, 20, 60, 45]
    first = replace(
        first,
        boxes=np.array([car, bike], np.float32),
        labels=("car", "bike"),
        hidden=np.zeros(2, np.float32),
        ignored=np.zeros((0, 4), np.float32),
    )
    mask = ClassMap.of(config).annotated_image(first, 1.0, with_mask=True).mask
    expected = np.full((80, 96), 255)
    expected[15:50, 50:65] = 0
    expected[40:50, 40:65] = 0
    assert np.array_equal(mask[:, 50:], expected[:, 50:])
    assert np.array_equal(mask[10:40, 20:50], expected[10:40, 20:50])
    assert not mask[40:50, 40:50].any()


def test_missing_image_is_left_out_and_reported(tiny_config, data_set):
    (data_set / "images" / "1.png").unlink()
    data = read_training_data(tiny_config())
    assert len(data.training) == 2
    assert any("missing" in note.lower() for note in data.notes)


@pytest.mark.parametrize("background", [[], ["car"]])
def test_unknown_classes_are_reported_unless_they_are_background(tiny_config, background):
    config = tiny_config(classes={"bus": ["bus"]}, background=background)
    notes = read_training_data(config).notes
    assert any("class car is in neither" in note for note in notes) == (not background)
