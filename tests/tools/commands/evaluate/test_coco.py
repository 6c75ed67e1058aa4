from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.tools.commands.evaluate.command import evaluate, refused, scores, terminal_output


def test_coco_scores_several_files_under_their_names(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    found = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]
    (tmp_path / "a.json").write_text(json.dumps(found))
    (tmp_path / "b.json").write_text("[]")
    arguments = ["coco", "--gt", tmp_path / "truth.json"]
    both = [f"--detections={tmp_path / name}.json" for name in "ab"]
    groups = scores(tmp_path, *arguments, *both)
    assert [groups[name]["overall"]["detection"]["AP50"] for name in "ab"] == pytest.approx([1, 0])
    assert groups["b"]["protocol"]["images_with_true_boxes"] == 1
    undetected = {
        name: group["protocol"]["of_these_without_detection"] for name, group in groups.items()
    }
    assert undetected == {"a": 0, "b": 1}
    assert [
        line for line in evaluate(*arguments, *both).splitlines() if "no detection" in line
    ] == [
        f"{tmp_path / 'b.json'}: no detection in 1 of 1 images with true boxes; "
        "all boxes in these count as missed"
    ]
    assert "reading and scoring" in terminal_output(*arguments, *both)
    alone = evaluate(*arguments, both[0]).splitlines()
    assert alone[1].split("┃")[1].strip() == "AP"  # no column for names, as there is only one file
    assert "are called 'x'" in refused(*arguments, *(each.replace("=", "=x=") for each in both))
    (tmp_path / "b.json").write_text(json.dumps([{**found[0], "category_id": None}]))
    files = ("--json", tmp_path / "both.json", "--csv", tmp_path / "both.csv")
    output = evaluate(*arguments, *both, *files).splitlines()
    assert [line for line in output if "all classes as one" in line] == [
        f"all classes as one: {tmp_path / 'b.json'}: [0] has no category_id and no category"
    ]
    labels = [line.split("│")[1].strip() for line in output if line.startswith("│")]
    assert labels == ["a", "b (classes as one)"]
    groups = json.loads((tmp_path / "both.json").read_text())
    rows = csv.DictReader((tmp_path / "both.csv").open())
    classes = {"a": "mean over classes", "b": "as one"}
    assert {name: group["protocol"]["classes"] for name, group in groups.items()} == classes
    assert {row["name"]: row["classes"] for row in rows} == classes
    assert groups["a"]["protocol"]["ground_truth"] == str(tmp_path / "truth.json")
    assert groups["a"]["protocol"]["iou_thresholds"]["AP70"] == [0.7]
    alone = evaluate(*arguments, both[1])
    assert "│ (classes as one) │" in alone


@pytest.mark.parametrize(
    ("chosen", "said"), [(["bus"], "bus"), (["bus", "car"], "mean over bus, car")]
)
def test_scores_of_chosen_classes_say_which(tmp_path: Path, chosen: list[str], said: str) -> None:
    pytest.importorskip("pycocotools")
    box = {"image_id": 1, "bbox": [0, 0, 9, 9]}
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
        "annotations": [{**box, "category_id": 1}, {**box, "category_id": 2}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps([{**box, "category_id": 2, "score": 0.5}]))
    arguments = [f"--gt={tmp_path}/truth.json", f"--detections={tmp_path}/found.json"]
    files = (f"--json={tmp_path}/scores.json", f"--csv={tmp_path}/scores.csv")
    output = evaluate("coco", *arguments, *files, *(f"--class={name}" for name in chosen))
    assert output.splitlines()[-1].endswith(f"all images pooled, {said}")
    assert json.loads((tmp_path / "scores.json").read_text())["protocol"]["classes"] == said
    [row] = csv.DictReader((tmp_path / "scores.csv").open())
    assert row["classes"] == said


def test_ignored_boxes_and_surplus_detections_are_reported(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [box, {**box, "ignore": 1}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps([{**box, "score": 0.5}] * 101))
    arguments = ["coco", "--gt", tmp_path / "truth.json"]
    arguments.append(f"--detections={tmp_path / 'found.json'}")
    output = evaluate(*arguments)
    first = f"{tmp_path / 'found.json'}: more than 100 detections of a class in 1 image; "
    assert f"{first}the best 100 count, as in COCO" in output
    assert f"{tmp_path / 'truth.json'}: 1 box with ignore: crowds here" in output
    protocol = scores(tmp_path, *arguments)["protocol"]
    assert protocol["images_with_more"] == protocol["ignored_boxes_as_crowds"] == 1
