"""Files of ignored regions for the images of a data set."""

import json
import re

import pytest

from stages.errors import ConfigError
from tests.tools.conftest import change_coco
from tools.training.data import read_training_data


def with_regions(tiny_config, data_set, text):
    file = data_set / "regions.json"
    file.write_text(text)
    return tiny_config(data=[{"path": data_set, "held_out": ["c"], "ignored": file}])


def test_regions_of_a_file_are_ignored(tiny_config, data_set):
    [(_, held)] = read_training_data(tiny_config()).validation.values()
    name = held[0].path.name
    config = with_regions(tiny_config, data_set, json.dumps({name: [[1, 2, 30, 40]]}))
    data = read_training_data(config)
    [(_, held)] = data.validation.values()
    assert [sample.ignored.tolist() for sample in held] == [
        [[1, 2, 30, 40]] if sample.path.name == name else [] for sample in held
    ]
    assert not any(len(sample.ignored) for sample, _ in data.training)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"nowhere.jpg": []}', "no image is named nowhere.jpg"),
        ('{"a.jpg": [[1, 2, 3]]}', "a.jpg: Field required"),
        ("[", "Invalid JSON"),
    ],
)
def test_invalid_regions_are_reported(tiny_config, data_set, text, message):
    config = with_regions(tiny_config, data_set, text)
    with pytest.raises(ConfigError, match=rf"ignored: .*regions\.json: {message}"):
        read_training_data(config)


@pytest.mark.parametrize(
    "region", ["[10.0, 20.0, 10.0, 40.0]", "[10.0, 40.0, 30.0, 20.0]", "[NaN, 2.0, 30.0, 40.0]"]
)
def test_regions_without_an_area_are_reported(tiny_config, data_set, region):
    config = with_regions(tiny_config, data_set, f'{{"1.png": [[1, 2, 30, 40], {region}]}}')
    shown = re.escape(region.replace("NaN", "nan"))
    with pytest.raises(
        ConfigError,
        match=rf"ignored: .*regions\.json: 1\.png: a region is \[left, .*\], got {shown}$",
    ):
        read_training_data(config)


def test_regions_of_an_ambiguous_image_name_are_rejected(tiny_config, data_set):
    def edit(content):
        for image, folder in zip(content["images"], "xy", strict=False):
            (data_set / "images" / folder).mkdir()
            (data_set / "images" / image["file_name"]).rename(
                data_set / "images" / folder / "same.png"
            )
            image["file_name"] = f"{folder}/same.png"

    change_coco(data_set, edit)
    config = with_regions(tiny_config, data_set, '{"same.png": [[1, 2, 30, 40]]}')
    with pytest.raises(ConfigError, match=r"2 images are named same\.png"):
        read_training_data(config)


def test_missing_file_of_regions_is_reported(tiny_config, data_set):
    config = tiny_config(data=[{"path": data_set, "ignored": data_set / "none.json"}])
    with pytest.raises(ConfigError, match=r"ignored: .*none\.json: No such file"):
        read_training_data(config)


def test_regions_of_a_file_are_added_to_those_of_the_data_set(tiny_config, data_set):
    def edit(content):
        image = content["images"][0]["id"]
        content["annotations"].append(
            {"id": 99, "image_id": image, "category_id": 1, "bbox": [5, 5, 9, 9], "iscrowd": 1}
        )

    change_coco(data_set, edit)
    name = json.loads((data_set / "annotations.json").read_text())["images"][0]["file_name"]
    config = with_regions(tiny_config, data_set, json.dumps({name: [[1, 2, 30, 40]]}))
    regions = [sample.ignored.tolist() for sample, _ in read_training_data(config).training]
    assert [[5, 5, 14, 14], [1, 2, 30, 40]] in regions
