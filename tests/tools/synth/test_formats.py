"""Rendered scenes are readable by everything that reads these formats."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stages.scene import Scene
from tools.annotations.detrac_xml import read_detrac_xml
from tools.annotations.ignored import IgnoredRegions
from tools.datasets.formats import read_data_set
from tools.main import app

from .conftest import OPTIONS, SEEDS

NAMES = ["MVI_900001", "MVI_900002"]


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: Scene(OPTIONS.scene(seed)) for name, seed in zip(NAMES, SEEDS, strict=True)}


def scores(tmp_path: Path, *arguments: object) -> dict:
    file = tmp_path / "scores.json"
    result = CliRunner().invoke(
        app,
        ["evaluate", *map(str, arguments), "--workers", "1", "--json", str(file)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return json.loads(file.read_text())["overall"]


def test_detrac_ground_truth_against_itself_is_perfect(rendered: Path, tmp_path: Path) -> None:
    truth = rendered / "detrac" / "annotations"
    for folder in ("det", "tracks"):
        (tmp_path / folder).mkdir()
    for name in NAMES:
        annotation = read_detrac_xml(truth / f"{name}.xml")
        sides = annotation.boxes.copy()
        sides[:, 2:] -= sides[:, :2]
        rows = [
            (frame, identity, ",".join(f"{side:.2f}" for side in box))
            for frame, identity, box in zip(annotation.frames, annotation.ids, sides, strict=True)
        ]
        detections = "".join(f"{frame},{i},{box},0.9\n" for i, (frame, _, box) in enumerate(rows))
        tracks = "".join(f"{frame},{identity},{box},1,-1,-1,-1\n" for frame, identity, box in rows)
        (tmp_path / "det" / f"{name}_Det_X.txt").write_text(detections)
        (tmp_path / "tracks" / f"{name}.txt").write_text(tracks)
    found = scores(
        tmp_path, "detrac", "--gt", truth, "--detections", tmp_path / "det", "--tracker", "none"
    )
    assert found["detection"]["AP70"] == pytest.approx(1)
    tracking = scores(tmp_path, "detrac", "--gt", truth, "--results", tmp_path / "tracks")
    for score in ("MOTA", "IDF1", "HOTA"):
        assert tracking["tracking"][score] == pytest.approx(1)


def test_mot_ground_truth_against_itself_is_perfect(rendered: Path, tmp_path: Path) -> None:
    truth, results = rendered / "mot", tmp_path / "results"
    results.mkdir()
    total = scored = 0
    for name in NAMES:
        rows = [row.split(",") for row in (truth / name / "gt" / "gt.txt").read_text().split()]
        kept = "".join(",".join([*row[:6], "1,-1,-1,-1"]) + "\n" for row in rows if row[6] == "1")
        total, scored = total + len(rows), scored + kept.count("\n")
        (results / f"{name}.txt").write_text(kept)
    assert total > scored > 10
    tracking = scores(tmp_path, "mot", "--gt", truth, "--results", results)["tracking"]
    for score in ("MOTA", "IDF1", "HOTA"):
        assert tracking[score] == pytest.approx(1)


def test_mot_seqinfo_states_length_size_rate_and_classes(rendered: Path) -> None:
    folder = rendered / "mot" / NAMES[0]
    info = configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    assert dict(info["Sequence"]) == {
        "name": NAMES[0],
        "imdir": "img1",
        "framerate": "1.25",
        "seqlength": "3",
        "imwidth": "320",
        "imheight": "192",
        "imext": ".jpg",
        "classes": "car,van,truck,bus",
    }
    assert sorted(file.name for file in (folder / "img1").iterdir()) == [
        "000001.jpg",
        "000002.jpg",
        "000003.jpg",
    ]


def test_data_set_reader_finds_images_boxes_and_masks(
    rendered: Path, scenes: dict[str, Scene]
) -> None:
    data_set = read_data_set(rendered / "detrac")
    assert data_set.format == "detrac"
    assert not data_set.problems
    assert [(each.scene, each.frame) for each in data_set.samples] == [
        (name, frame) for name in NAMES for frame in (1, 2, 3)
    ]
    for sample in data_set.samples[1:5]:
        assert sample.frame is not None
        details = scenes[sample.scene].render_details((sample.frame - 1) * OPTIONS.every)
        assert cv2.absdiff(sample.read(), details.frame.image).mean() < 4
        assert sample.mask is not None
        mask = cv2.imread(str(sample.mask), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, details.mask)
        assert sample.conditions["camera_state"] == "stable"
        assert set(sample.labels) <= {"car", "van", "bus", "others"}
        hidden = np.maximum(1 - details.frame.visibility, details.truncation)
        matched = 0
        for box, share in zip(sample.boxes, sample.hidden, strict=True):
            away = np.abs(details.frame.boxes - box).max(axis=1)
            if np.sort(away)[:2].max() > 0.5 and away.min() < 0.02:
                assert share == pytest.approx(hidden[away.argmin()], abs=0.03)
                matched += 1
        assert matched >= 0.7 * len(sample.boxes)


def test_every_vehicle_of_a_scene_is_listed_or_ignored(
    rendered: Path, scenes: dict[str, Scene]
) -> None:
    for name, scene in scenes.items():
        annotation = read_detrac_xml(rendered / "detrac" / "annotations" / f"{name}.xml")
        ignored = IgnoredRegions(annotation.regions)
        assert not ignored.cover(annotation.frames - 1, annotation.boxes).any()
        frame = scene.render(OPTIONS.every)
        listed = set(annotation.ids[annotation.frames == 2].tolist())
        covered = ignored.cover(np.zeros(len(frame.ids), np.int64), frame.boxes)
        assert set(frame.ids[~covered].tolist()) <= listed
