import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, OutputError
from stages.records import Detections, FrameHeader
from stages.scene import Scene, SceneConfig
from tests.tools.conftest import write_config
from tests.tools.invoking import output_of
from tools.detection.data_set import DetectedDataSet
from tools.main import app

OPTIONS = ["--set=detector.weights=nano", "--set=detector.engine=torch"]
SCENE = Scene(SceneConfig(seed=2, width=320, height=192, frames=10, vehicles=120))
IMAGE = np.zeros((80, 100, 3), np.uint8)


@pytest.fixture
def images(tmp_path):
    """Folder of two images with many vehicles, and a file between them that is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (1, 3):
        cv2.imwrite(str(folder / f"{number}.png"), SCENE.render(number).image[32 * number :])
    (folder / "2.png").write_bytes(b"no image")
    return folder


def found(*boxes, classes=None, scores=None):
    """Detections in `IMAGE`, from boxes ltrb."""
    count = len(boxes)
    return Detections(
        FrameHeader.of_image(*IMAGE.shape[:2]),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [0.9] * count, np.float32),
        np.array(classes or [0] * count, np.int16),
    )


def test_a_data_set_of_detections_is_checked_without_problems_and_trained_on(
    images, tmp_path, monkeypatch, tiny_config
):
    monkeypatch.chdir(tmp_path)
    command = ["detect", "images", "--dataset", "images/annotations.json", *OPTIONS]
    result = CliRunner().invoke(app, [*command, "--output", "weak.json"])
    assert result.exit_code == 3
    assert "2.png: not an image, or damaged" in result.stderr
    content = json.loads((images / "annotations.json").read_text())
    assert content["images"] == [
        {"id": 1, "file_name": "1.png", "width": 320, "height": 160},
        {"id": 2, "file_name": "3.png", "width": 320, "height": 96},
    ]
    assert content["categories"] == [{"id": 1, "name": "vehicle"}]
    boxes = content["annotations"]
    assert f"images/annotations.json: {len(boxes)} boxes in 2 images\n" in result.stdout
    likely = [each for each in json.loads((tmp_path / "weak.json").read_text())
              if each["score"] >= 0.3]  # fmt: skip
    assert [each["score"] for each in boxes] == [each["score"] for each in likely]
    checked = output_of("data", "check", "images", "--every", "--json", "found.json")
    assert f"2 images, 2 scenes, {len(boxes)} boxes" in checked
    assert json.loads((tmp_path / "found.json").read_text())["problems"] == {}

    data = [{"path": images, "held_out": ["3"]}]
    config = tiny_config(data=data, classes={"vehicle": ["vehicle"]}, steps=1)
    output_of("train", write_config(config, tmp_path))
    assert (tmp_path / "run" / "best.safetensors").exists()


@pytest.mark.parametrize(("score", "least", "below"), [(0.2, 0.2, 0.3), (0.5, 0.5, 0.6)])
def test_a_minimum_score_of_the_settings_replaces_that_of_data_sets(
    images, tmp_path, monkeypatch, score, least, below
):
    monkeypatch.chdir(tmp_path)
    command = ["detect", "images/1.png", "--dataset", "set.json", *OPTIONS]
    output_of(*command, "--set", f"detector.min_score={score}")
    content = json.loads((tmp_path / "set.json").read_text())
    assert [each["file_name"] for each in content["images"]] == ["images/1.png"]
    assert least <= min(each["score"] for each in content["annotations"]) < below
    assert not (tmp_path / "detections.json").exists()


def test_boxes_are_cut_at_the_border_and_left_out_if_nothing_is_left(tmp_path):
    data_set = DetectedDataSet(tmp_path / "set.json", ["car", "bus"], 0.3)
    boxes = (-8, 70.004, 20.126, 95), (10, 10, 30, 30), (99.5, 10, 130, 40), (10, 20, 40, 50)
    data_set.add(
        tmp_path / "a.png", IMAGE, found(*boxes, classes=[1, 0, 0, 0], scores=[0.9, 0.8, 0.7, 0.2])
    )
    values = {"image_id": 1, "segmentation": [], "iscrowd": 0}
    assert data_set.content()["annotations"] == [
        {"id": 1, "category_id": 2, "bbox": [0, 70, 20.13, 10], "area": 201.3, "score": 0.9}
        | values,
        {"id": 2, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400, "score": 0.8} | values,
    ]


def test_images_outside_the_folder_of_a_data_set_have_bare_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    for path, name in [("set/a/b.png", "a/b.png"), ("set/../c/d.png", "d.png")]:
        data_set = DetectedDataSet(tmp_path / "set" / "set.json", ["car"], 0.3)
        data_set.add(tmp_path / path, IMAGE, found())
        assert data_set.images == [{"id": 1, "file_name": name, "width": 100, "height": 80}]


def test_a_data_set_has_the_ids_of_an_annotation_file(images, tmp_path):
    truth = tmp_path / "truth.json"
    content = {
        "images": [{"id": 41, "file_name": "3.png"}, {"id": 7, "file_name": "1.png"}],
        "annotations": [],
        "categories": [{"id": 2, "name": "bus"}, {"id": 3, "name": "vehicle"}],
    }
    truth.write_text(json.dumps(content))
    (images / "2.png").unlink()
    output_of("detect", images, "--dataset", tmp_path / "set.json", "--ids", truth, *OPTIONS)
    written = json.loads((tmp_path / "set.json").read_text())
    assert [each["id"] for each in written["images"]] == [7, 41]
    assert {each["image_id"] for each in written["annotations"]} == {7, 41}
    assert written["categories"] == [{"id": 3, "name": "vehicle"}]
    assert {each["category_id"] for each in written["annotations"]} == {3}


def test_a_data_set_that_may_have_been_corrected_is_refused(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corrected = tmp_path / "set.json"
    corrected.write_text("{}")
    error = CliRunner().invoke(app, ["detect", "images", "--dataset", "set.json"]).exception
    assert isinstance(error, OutputError)
    problem = "set.json exists and may have been corrected; move it, or use another folder"
    assert str(error) == problem
    assert corrected.read_text() == "{}"
    (tmp_path / "folder.json").mkdir()
    error = CliRunner().invoke(app, ["detect", "images", "--dataset", "folder.json"]).exception
    assert str(error) == "cannot write folder.json: is a directory"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("blanks", ["", " ", "\n" * 100])
def test_a_data_set_is_not_replaced_by_results(images, blanks, encoding):
    corrected = images / "annotations.json"
    content = (blanks + '{"images": []}').encode(encoding)
    corrected.write_bytes(content)
    error = CliRunner().invoke(app, ["detect", str(images), "--output", str(corrected)]).exception
    assert str(error) == f"output {corrected} may be a data set, not detections; choose another"
    assert corrected.read_bytes() == content


def test_earlier_results_are_replaced(images):
    results = images / "annotations.json"
    (images / "2.png").unlink()
    for earlier in ("", " [1]"):
        results.write_text(earlier)
        output_of("detect", images, "--output", results, *OPTIONS)
        assert len(json.loads(results.read_text())) > 1


def test_a_data_set_beside_one_that_alone_would_be_read_is_refused(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (images / "annotations.json").write_text("{}")
    command = ["detect", "images", "--dataset", "images/second.json"]
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, ConfigError)
    assert str(error) == (
        "--dataset images/second.json: `data check` and `train` would read only "
        "images/annotations.json; move that away, or use another folder"
    )


@pytest.mark.parametrize("name", ["annotations", "images", "set.JSON"])
def test_a_data_set_without_the_suffix_json_is_refused(images, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, ["detect", "images", "--dataset", name]).exception
    assert isinstance(error, ConfigError)
    assert str(error).endswith(f"ends in .json, such as {name}/annotations.json")
