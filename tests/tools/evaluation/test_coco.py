from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from stages.errors import ConfigError
from tools.evaluation.coco import score_coco

pytest.importorskip("pycocotools")

CATEGORIES = [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]
IMAGE = {"id": 7, "file_name": "a.jpg", "width": 640, "height": 480}
CAR = {"image_id": 7, "category_id": 1, "bbox": [0, 0, 50, 50]}
BUS = {"image_id": 7, "category_id": 2, "bbox": [100, 0, 50, 50]}


def truth_of(*annotations: dict) -> dict:
    return {"images": [IMAGE], "annotations": [*annotations], "categories": CATEGORIES}


def written(folder: Path, truth: object, detections: object) -> tuple[Path, Path]:
    paths = folder / "truth.json", folder / "detections.json"
    for path, content in zip(paths, (truth, detections), strict=True):
        path.write_text(json.dumps(content))
    return paths


def random_set(seed: int) -> tuple[dict, list]:
    """Twenty images of cars and buses of all sizes: 60% are found, one in ten as the other class.

    The image ids do not ascend, and detections of several images have equal scores.
    """
    rng = np.random.default_rng(seed)
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(20)]
    annotations, detections = [], []
    for image in images:
        for _ in range(8):
            left, top, width, height = (*rng.uniform(0, 400, 2), *rng.uniform(8, 160, 2))
            category = int(rng.integers(1, 3))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
            box = np.array([left, top, width, height]) + rng.normal(0, 3, 4)
            if rng.random() < 0.6:
                detections.append(
                    {
                        "image_id": image["id"],
                        "category_id": category if rng.random() < 0.9 else 3 - category,
                        "bbox": np.abs(box).tolist(),
                        "score": round(rng.random(), 1),
                    }
                )
    images.reverse()
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}, detections


@pytest.mark.parametrize(("seed", "classes"), [(0, {}), (1, {}), (2, {"bus": 2})])
def test_equals_pycocotools(tmp_path: Path, seed: int, classes: dict[str, int]) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    paths = written(tmp_path, *random_set(seed))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(paths[0]))
        evaluation = COCOeval(truth, truth.loadRes(str(paths[1])), "bbox")
        evaluation.params.catIds = [*classes.values()] or evaluation.params.catIds
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    expected = dict(
        zip(
            ("AP", "AP50", "AP75", "AP-small", "AP-medium", "AP-large"),
            evaluation.stats[:6],
            strict=True,
        )
    )
    del expected["AP75"]
    at_seventy = np.isclose(evaluation.params.iouThrs, 0.7)
    expected["AP70"] = evaluation.eval["precision"][at_seventy, :, :, 0, -1].mean()
    scores = score_coco(*paths, [*classes]).scores
    for name, value in expected.items():
        assert scores[name] == value
    assert scores["AP50"] > scores["AP70"] > scores["AP"] > 0.1


def test_ignored_boxes_act_as_crowds_and_are_counted(tmp_path: Path) -> None:
    region = {"image_id": 7, "category_id": 1, "bbox": [200, 0, 300, 300], "ignore": 1}
    found = [
        {"image_id": 7, "category_id": 1, "bbox": [x, 9, 20, 20], "score": 0.9}
        for x in range(210, 400, 40)
    ]
    found += [{**CAR, "score": 0.5}, {**BUS, "score": 0.5}]
    score = score_coco(*written(tmp_path, truth_of(CAR, BUS, region), found))
    assert (score.scores["AP"], score.ignored) == (pytest.approx(1), 1)
    for stated in ({"iscrowd": 1, "ignore": 1}, {"iscrowd": 1, "ignore": None}):
        score = score_coco(*written(tmp_path, truth_of(CAR, BUS, region | stated), found))
        assert (score.scores["AP"], score.ignored) == (pytest.approx(1), 0)


def test_a_missing_area_defaults_to_that_of_the_box(tmp_path: Path) -> None:
    flat = {**CAR, "bbox": [0, 0, 0, 0], "score": 0.1}  # allowed, like any size
    scores = score_coco(*written(tmp_path, truth_of(CAR), [{**CAR, "score": 0.5}, flat])).scores
    assert scores["AP-medium"] == pytest.approx(1)
    assert math.isnan(scores["AP-small"])


def test_a_box_of_size_zero_counts_as_false(tmp_path: Path) -> None:
    flat = {**CAR, "bbox": [400, 0, 0, 30], "score": 0.9}
    scores = score_coco(*written(tmp_path, truth_of(CAR), [flat, {**CAR, "score": 0.5}])).scores
    assert scores["AP"] == pytest.approx(0.5)


def test_images_with_over_100_detections_are_counted(tmp_path: Path) -> None:
    found = [{**CAR, "score": 1 - n / 1000, "bbox": [400, 0, 9, 9]} for n in range(100)]
    score = score_coco(*written(tmp_path, truth_of(CAR), [*found[:99], {**CAR, "score": 0.1}]))
    assert (score.scores["AP"], score.overfull) == (pytest.approx(0.01), 0)
    score = score_coco(*written(tmp_path, truth_of(CAR), [*found, {**CAR, "score": 0.1}]))
    assert (score.scores["AP"], score.overfull) == (0, 1)
    buses = [{**each, "category_id": 2} for each in found[:50]]
    assert not score_coco(*written(tmp_path, truth_of(CAR), found[:50] + buses)).overfull


def test_detections_may_have_file_names_and_unknown_classes(tmp_path: Path) -> None:
    found = [
        {"file_name": "a.jpg", "bbox": CAR["bbox"], "score": 0.9, "category": "vehicle"},
        {"file_name": "a.jpg", "bbox": BUS["bbox"], "score": 0.8, "category": "vehicle"},
    ]
    paths = written(tmp_path, truth_of(CAR, BUS), found)
    assert score_coco(*paths).scores["AP"] == pytest.approx(1)
    # Only the bus is requested, so the detection with the better score is false.
    assert score_coco(*paths, ["bus"]).scores["AP50"] == pytest.approx(0.5)


def test_detections_named_as_another_class_do_not_count(tmp_path: Path) -> None:
    truth = truth_of(CAR, BUS)
    found = [
        {"file_name": "a.jpg", "bbox": CAR["bbox"], "score": 0.9, "category": "car"},
        {"file_name": "a.jpg", "bbox": BUS["bbox"], "score": 0.8, "category": "bus"},
    ]
    paths = written(tmp_path, truth, found)
    for chosen in (["bus"], ["car"], ["car", "bus"], []):
        assert score_coco(*paths, chosen).scores["AP"] == pytest.approx(1)
    unlike = [found[0], {**found[1], "category": "vehicle"}]
    assert score_coco(*written(tmp_path, truth, unlike), ["bus"]).scores["AP"] == pytest.approx(1)
    found[0]["category"], found[1]["category"] = "bus", "car"
    assert score_coco(*written(tmp_path, truth, found), ["bus"]).scores["AP"] == 0


def found_by_name(detections: list, names: dict[int, str]) -> list:
    """Detections as `detect` writes them: with the name of their class instead of its id."""
    return [
        {**each, "category_id": None, "category": names[each["category_id"]]} for each in detections
    ]


def test_a_class_may_be_given_by_its_name(tmp_path: Path) -> None:
    truth, found = random_set(0)
    expected = score_coco(*written(tmp_path, truth, found))
    assert expected.why_as_one == ""
    named = found_by_name(found, {1: "car", 2: "bus"})
    for detections in (named, [*found[:5], *named[5:]]):
        assert score_coco(*written(tmp_path, truth, detections)) == expected
    bus = score_coco(*written(tmp_path, truth, found), ["bus"])
    assert score_coco(*written(tmp_path, truth, named), ["bus"]) == bus


def test_classes_are_merged_only_if_detections_lack_known_classes(tmp_path: Path) -> None:
    truth, found = random_set(0)
    by_class = score_coco(*written(tmp_path, truth, found)).scores["AP"]
    merged = []
    named = found_by_name(found, {1: "vehicle", 2: "bus"})
    nameless = [{**each, "category": None} for each in named]
    listed = [{**each, "category": ["bus"]} for each in named]
    for detections in (named, nameless, listed):
        paths = written(tmp_path, truth, detections)
        merged.append(score_coco(*paths))
    assert merged[0].scores == merged[1].scores == merged[2].scores
    assert merged[0].scores["AP"] > by_class
    first = next(row for row, each in enumerate(named) if each["category"] == "vehicle")
    lack = f"{paths[1]}: [{{}}] has no category_id and no category"
    assert [score.why_as_one for score in merged] == [
        f"{lack.format(first)} of {paths[0]}, but 'vehicle'",
        lack.format(0),
        f"{lack.format(0)} of {paths[0]}, but ['bus']",
    ]


def test_images_with_all_boxes_missed_are_counted(tmp_path: Path) -> None:
    """Only images with boxes to find count: crowds and empty images have none to miss."""
    images = [{**IMAGE, "id": number, "file_name": f"{number}.jpg"} for number in range(1, 6)]
    crowd = {**CAR, "image_id": 4, "iscrowd": 1}
    cars = [{**CAR, "image_id": number} for number in (1, 2, 3)]
    truth = {**truth_of(*cars, crowd, {**BUS, "image_id": 3}), "images": images}
    found = [{**BUS, "image_id": 2, "score": 0.5}]
    paths = written(tmp_path, truth, found)
    for classes, counts in (((), (3, 2)), (("bus",), (1, 1)), (("car",), (3, 2))):
        score = score_coco(*paths, classes)
        assert (score.images, score.undetected) == counts


@pytest.mark.parametrize("more", [{}, {"category": "vehicle"}])
def test_some_detections_without_a_class_are_refused(tmp_path: Path, more: dict) -> None:
    truth, found = random_set(0)
    del found[3]["category_id"]
    found[3] |= more
    with pytest.raises(ConfigError) as caught:
        score_coco(*written(tmp_path, truth, found))
    assert ": [3] has no category_id and no category" in str(caught.value)
    assert str(caught.value).endswith(", while others have a category_id")


def test_file_names_match_without_folders_unless_ambiguous(tmp_path: Path) -> None:
    images = [{**IMAGE, "file_name": "train/a.jpg"}, {**IMAGE, "id": 8, "file_name": "val/b.jpg"}]
    truth = {**truth_of(CAR), "images": images}
    found = [{"file_name": "a.jpg", "bbox": CAR["bbox"], "score": 0.9}]
    assert score_coco(*written(tmp_path, truth, found)).scores["AP"] == pytest.approx(1)
    images[1]["file_name"] = "val/a.jpg"
    with pytest.raises(ConfigError, match=r"'a.jpg' stands for images 7, 8"):
        score_coco(*written(tmp_path, truth, found))


def test_category_ids_may_be_numbers_and_names(tmp_path: Path) -> None:
    categories = [{"id": "car", "name": "car"}, {"id": 2, "name": "bus"}]
    car = {**CAR, "category_id": "car"}
    truth = {**truth_of(car, BUS), "categories": categories}
    paths = written(tmp_path, truth, [{**car, "score": 0.5}])
    assert score_coco(*paths).scores["AP"] == pytest.approx(1 / 2)
    assert score_coco(*paths, ["car"]).scores["AP"] == pytest.approx(1)
    assert score_coco(*paths, ["bus"]).scores["AP"] == 0


@pytest.mark.parametrize(
    "more", [{"caption": "a car"}, {"category_id": None}, {"image_id": None, "file_name": "a.jpg"}]
)
def test_extra_and_null_keys_of_a_detection_are_ignored(tmp_path: Path, more: dict) -> None:
    found = [{**CAR, "score": 0.5, **more}]
    assert score_coco(*written(tmp_path, truth_of(CAR), found)).scores["AP"] == pytest.approx(1)


def test_ap_is_0_without_detections_and_nan_without_true_boxes(tmp_path: Path) -> None:
    assert score_coco(*written(tmp_path, truth_of(CAR), [])).scores["AP"] == 0
    assert math.isnan(score_coco(*written(tmp_path, truth_of(), [])).scores["AP"])
    assert math.isnan(
        score_coco(*written(tmp_path, truth_of(), [{**CAR, "score": 0.5}])).scores["AP"]
    )


@pytest.mark.parametrize(
    ("detection", "message"),
    [
        ({"image_id": 8}, "[0]: image 8 is not in"),
        ({"image_id": None, "file_name": ["a.jpg"]}, "[0]: image ['a.jpg'] is not in"),
        ({"bbox": [0, 0, -1, 5]}, "[0]: bbox must be left, top, width, height, none of the last"),
        ({"bbox": [0, 0, float("nan"), 5]}, "[0]: bbox must be"),
        ({"bbox": [1, 2, 3]}, "[0]: bbox must be"),
        ({"score": float("nan")}, "[0]: score must be a finite number, got nan"),
        ({"score": "high"}, "[0]: score must be a finite number, got 'high'"),
    ],
)
def test_invalid_detections_are_reported(tmp_path: Path, detection: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        score_coco(*written(tmp_path, truth_of(), [{**CAR, "score": 0.5, **detection}]))
    assert f"detections.json: {message}" in str(caught.value)


def test_invalid_files_are_reported(tmp_path: Path) -> None:
    truth, found = written(tmp_path, {"images": []}, [])
    for path, content, message in (
        (truth, "{}", "truth.json is not a COCO annotation file"),
        (truth, '{"images": {}, "annotations": [], "categories": []}', "it needs images"),
        (truth, '{"images": [5], "annotations": [], "categories": []}', "images[0]: expected an"),
        (truth, '{"images": [{}], "annotations": [], "categories": []}', "images[0]: id must be"),
        (truth, '{"images": [], "annotations": [], "categories": [{"id": 1}]}', "name must be a"),
        (truth, '{"images": [], "annotations": [], "categories": []}', "has no categories"),
        (truth, "{\n]", "truth.json:2: not valid JSON"),
        (truth, "", "truth.json is empty"),
    ):
        path.write_text(content)
        with pytest.raises(ConfigError) as caught:
            score_coco(truth, found)
        assert message in str(caught.value)
    written(tmp_path, truth_of(), {})
    with pytest.raises(ConfigError, match="expected a list of detections"):
        score_coco(truth, found)
    box = {"image_id": IMAGE["id"], "bbox": [0, 0, 5, 5], "score": 0.5}
    for detection, message in (
        (1, "expected an object, got 1"),
        ({**box, "image_id": [1]}, "image_id must be a number or a name"),
        ({**box, "category_id": 77}, "category 77 is not in"),
        ({**box, "score": True}, "score must be a finite number"),
        ({**box, "bbox": [0, 0, 5, 10**400]}, "bbox must be left, top, width, height"),
    ):
        written(tmp_path, truth_of(), [detection])
        with pytest.raises(ConfigError) as caught:
            score_coco(truth, found)
        assert f"detections.json: [0]: {message}" in str(caught.value)
    for wrong, message in (
        ({"area": "x"}, "area must be a number and"),
        ({"iscrowd": "yes"}, "area must be a number and"),
        ({"image_id": 8}, "no image 8"),
        ({"category_id": 77}, "no category 77"),
        ({"category_id": None}, "no category None"),
        ({"bbox": [0, 0, 5, -5]}, "bbox must be"),
    ):
        written(tmp_path, truth_of({**CAR, **wrong}), [])
        with pytest.raises(ConfigError, match=rf"annotations\[0\]: {message}"):
            score_coco(truth, found)
    with pytest.raises(ConfigError, match="no category 'tram'; there are bus, car"):
        score_coco(truth, found, ["tram"])


def test_image_ids_may_be_numbers_and_names(tmp_path: Path) -> None:
    images = [IMAGE, {**IMAGE, "id": "b", "file_name": "b.jpg"}]
    boxes = [{"image_id": each["id"], "category_id": 1, "bbox": [9, 9, 40, 40]} for each in images]
    truth = {**truth_of(*boxes), "images": images}
    found = [{**box, "score": 0.9} for box in boxes]
    assert score_coco(*written(tmp_path, truth, found)).scores["AP50"] == pytest.approx(1)


def test_annotation_ids_do_not_matter(tmp_path: Path) -> None:
    boxes = [{**CAR, "bbox": bbox} for bbox in ([10, 10, 40, 40], [100, 100, 40, 40])]
    found = [{**box, "score": 0.9} for box in boxes]
    for ids in ((1, 2), (0, 1), (3, 3)):
        truth = truth_of(*({**box, "id": each} for each, box in zip(ids, boxes, strict=True)))
        assert score_coco(*written(tmp_path, truth, found)).scores["AP50"] == pytest.approx(1)
