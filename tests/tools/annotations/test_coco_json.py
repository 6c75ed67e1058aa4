import json

import pytest

from stages.errors import ConfigError
from tools.annotations.coco_json import read_annotations, read_json

WHOLE = json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}, indent=2)


@pytest.mark.parametrize("end", ["{", '"images"', '"images":', "[", '"id": 1', ",", '"a.p', "}"])
def test_truncated_file_is_reported_as_cut_off(tmp_path, end):
    file = tmp_path / "a.json"
    file.write_text(WHOLE[: WHOLE.index(end) + len(end)] + "\n")
    with pytest.raises(ConfigError, match=r"a\.json ends in the middle: it was cut off"):
        read_json(file)


def test_unreadable_file_is_reported(tmp_path):
    with pytest.raises(ConfigError, match=r"^cannot read \S+a\.json: \w"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", ["", " \n"])
def test_empty_file_is_reported_as_empty(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ConfigError, match=r"a\.json is empty$"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["hello", "{\n1: 2}", "[]\n[]"])
def test_invalid_json_is_reported_with_its_line(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    line = text.count("\n") + 1
    with pytest.raises(ConfigError, match=rf"a\.json:{line}: not valid JSON: \w"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("wrong", [True, None, 1.5, []])
def test_invalid_id_is_rejected(tmp_path, wrong):
    content = {"images": [{"id": 1}, {"id": wrong}], "annotations": [], "categories": []}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"images\[1\]: id must be a number or a name, got "):
        read_annotations(tmp_path / "a.json")
