import json

import pytest

from stages.errors import ConfigError
from tools.annotations.coco_ids import coco_ids


@pytest.fixture
def truth(tmp_path):
    file = tmp_path / "annotations.json"
    names = ["a.png", "x/b.png", "x/c.png", "y/c.png", "b/d.png", "d.png", r"w\x\h.png"]
    content = {
        "images": [{"id": f"i{number}", "file_name": name} for number, name in enumerate(names)],
        "annotations": [],
        "categories": [{"id": 3, "name": "car"}, {"id": 6, "name": "bus"}],
    }
    file.write_text(json.dumps(content))
    return file


def test_names_are_mapped_to_ids(truth):
    images, categories = coco_ids(truth, ["b.png", "a.png", "d.png", "h.png"], ["bus"])
    assert images == {"b.png": "i1", "a.png": "i0", "d.png": "i5", "h.png": "i6"}
    assert categories == {"bus": 6}


@pytest.mark.parametrize(
    ("images", "classes", "message"),
    [
        (["e.png"], [], r"annotations\.json: no image 'e\.png'$"),
        (["a.png", "e.png", "f.png"], [], r"no image 'e\.png' and 1 more$"),
        (["c.png"], [], r"'c\.png' stands for images 'i2', 'i3'$"),
        ([], ["car", "vehicle"], r"no category 'vehicle', .*; there are bus, car; without"),
    ],
)
def test_unknown_and_ambiguous_names_are_reported(truth, images, classes, message):
    with pytest.raises(ConfigError, match=message):
        coco_ids(truth, images, classes)


def test_file_that_is_not_coco_is_rejected(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ConfigError, match="is not a COCO annotation file"):
        coco_ids(tmp_path / "a.json", [], [])
