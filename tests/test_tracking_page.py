"""The programs of docs/tracking.md convert the output of other detectors."""

import json

import pytest

from stages.detector.detection_file import DetectionFile
from stages.detector.file_warnings import file_warnings
from tests.documentation import run_program


def test_yolo_text_files_are_converted(tmp_path, monkeypatch):
    (tmp_path / "labels").mkdir()
    first, tenth = (tmp_path / "labels" / f"my_crossing_{number}.txt" for number in (1, 10))
    first.write_text("2 0.5 0.25 0.1 0.2 0.75\n0 0.5 0.5 0.1 0.1 0.9\n")
    tenth.write_text("7 0.25 0.5 0.1 0.1\n")
    run_program("tracking.md", "labels", tmp_path, monkeypatch)
    file = DetectionFile.read("crossing.txt")
    assert (file.format, file.frame_count, len(file)) == ("mot", 10, 2)
    assert file.boxes.tolist() == [[864, 162, 1056, 378], [384, 486, 576, 594]]
    assert file.scores.tolist() == [0.75, 1]
    assert file_warnings(file, (1920, 1080)) == []


def test_ids_in_place_of_scores_are_reported(tmp_path, monkeypatch):
    """``yolo track`` without ``save_conf`` writes ids there."""
    (tmp_path / "labels").mkdir()
    for number in (1, 2):
        (tmp_path / "labels" / f"a_{number}.txt").write_text(f"2 0.5 0.25 0.1 0.2 {number}\n")
    run_program("tracking.md", "labels", tmp_path, monkeypatch)
    [warning] = file_warnings(DetectionFile.read("crossing.txt"), (1920, 1080))
    assert warning.endswith("are these whole numbers the ids of tracks?")


def test_coco_results_are_converted(tmp_path, monkeypatch):
    found = [
        {"image_id": image, "category_id": category, "bbox": [864.5, 162, 192, 216], "score": score}
        for image, category, score in ((3, 8, 0.75), (1, 1, 0.9), ("2", 3, 0.5))
    ]
    (tmp_path / "predictions.json").write_text(json.dumps(found))
    run_program("tracking.md", "predictions.json", tmp_path, monkeypatch)
    file = DetectionFile.read("crossing.txt")
    assert file.format == "mot"
    assert file.indices.tolist() == [1, 2]
    assert file.boxes.tolist() == [[864.5, 162, 1056.5, 378]] * 2
    assert file.scores == pytest.approx([0.5, 0.75])
