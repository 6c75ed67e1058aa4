import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError, SourceError
from stages.records import Detections
from stages.scene import Scene, SceneConfig
from tests.tools.processes import ROOT
from tools.detection.detect_images import DetectedImages, detect_images
from tools.main import app

SETTINGS = ["detector.weights=nano", "detector.engine=torch"]
OPTIONS = [f"--set={each}" for each in SETTINGS]
SCENE = Scene(SceneConfig(seed=2, width=320, height=192, frames=10, vehicles=120))


def draw(*paths):
    """Writes an image with many vehicles, with high and low scores."""
    for path in paths:
        cv2.imwrite(str(path), SCENE.render(0).image)


def test_images_with_the_same_name_are_refused(tmp_path):
    for folder in "xy":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").touch()
    with pytest.raises(ConfigError, match=r"x/a.png and .*y/a.png have one name"):
        detect_images([tmp_path / "x", tmp_path / "y"], [], [], pytest.fail)


def test_batched_images_give_the_same_detections_as_single_ones(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), SCENE.render(number).image[32 * number :])
    (tmp_path / "1b.png").write_bytes(b"no image")
    unreadable = []
    found = detect_images(
        [tmp_path], [], [*SETTINGS, "detector.threads=2"], unreadable.append
    ).results
    assert [message.count("1b.png") for message in unreadable] == [1]
    alone = []
    for number in range(3):
        one = [tmp_path / f"{number}.png"]
        alone += detect_images(one, [], [*SETTINGS, "detector.threads=1"], pytest.fail).results
    assert {each["file_name"] for each in found} == {"0.png", "1.png", "2.png"}
    assert found == alone


def test_an_image_given_twice_is_detected_once(tmp_path):
    path = tmp_path / "a.png"
    draw(path)
    once = detect_images([path], [], SETTINGS, pytest.fail).results
    assert once
    assert detect_images([tmp_path, path], [], SETTINGS, pytest.fail).results == once


@pytest.mark.parametrize(
    ("configs", "more", "least", "below"),
    [
        ([], [], 0.01, 0.1),
        ([], ["detector.min_score=0.3"], 0.3, 0.4),
        ([Path("rtsp")], [], 0.1, 0.2),
    ],
)
def test_weak_detections_are_kept_unless_settings_exclude_them(
    tmp_path, configs, more, least, below
):
    path = tmp_path / "a.png"
    draw(path)
    found = detect_images([path], configs, [*SETTINGS, *more], pytest.fail).results
    scores = [each["score"] for each in found]
    assert least <= min(scores) < below


def test_ignored_regions_apply_to_all_images_or_to_one(tmp_path):
    draw(tmp_path / "a.png", tmp_path / "b.png")
    whole = detect_images([tmp_path], [], SETTINGS, pytest.fail).results
    ignored = 'detector.ignored={"*": [[0, 0, 160, 192]], b: [[160, 0, 320, 96]]}'
    found = detect_images([tmp_path], [], [*SETTINGS, ignored], pytest.fail).results

    def center(each):
        left, top, width, height = each["bbox"]
        return left + width / 2, top + height / 2

    right = [each for each in whole if center(each)[0] > 160]
    assert 0 < len(right) < len(whole)
    assert found == [each for each in right if each["file_name"] == "a.png" or center(each)[1] > 96]


def test_regions_hold_for_the_images_of_their_name(tmp_path):
    image = SCENE.render(0).image
    for name, part in (("a", image), ("b", image), ("c", image[64:])):
        cv2.imwrite(str(tmp_path / f"{name}.png"), part)
    region = "detector.regions={b: [0, 64, 320, 192]}"
    found = detect_images([tmp_path], [], [*SETTINGS, region], pytest.fail).results
    a, b, c = (
        [each["bbox"] for each in found if each["file_name"] == f"{name}.png"] for name in "abc"
    )
    assert len(a) > len(b) == len(c) > 0
    np.testing.assert_allclose(b, np.add(c, [0, 64, 0, 0]), atol=0.011)


def test_images_that_a_region_does_not_fit_are_named_and_the_others_detected(tmp_path):
    images = [tmp_path / f"{letter}.png" for letter in "abc"]
    for image, height in zip(images, (192, 40, 192), strict=True):
        cv2.imwrite(str(image), SCENE.render(0).image[:height])
    refused = []
    region = ['detector.regions={"*": [0, 32, 320, 192]}', "detector.batch_size=3"]
    found = detect_images([tmp_path], [], [*SETTINGS, *region], refused.append).results
    assert {each["file_name"] for each in found} == {"a.png", "c.png"}
    problem = "detector.regions: [0, 32, 320, 192] has 320x8 pixels in frames of 320x40; at least "
    assert refused == [f"{images[1]}: {problem}16x16 are needed"]


def test_max_detections_allows_more_than_100_vehicles(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.tile(SCENE.render(0).image, (4, 4, 1)))
    settings = [*SETTINGS, "detector.min_score=0.3"]
    some = detect_images([path], [], settings, pytest.fail).results
    every = detect_images(
        [path], [], [*settings, "detector.max_detections=1000"], pytest.fail
    ).results
    assert len(some) == 100
    assert 100 < len(every) < 1000
    assert [each["score"] for each in every[:100]] == [each["score"] for each in some]


def test_overlays_omit_detections_in_ignored_regions(tmp_path):
    draw(tmp_path / "a.png", tmp_path / "b.png")
    (tmp_path / "c.png").write_text("no image")
    ignored = "detector.ignored={b: [[0, 0, 320, 192]]}"
    command = ["detect", str(tmp_path), "--output", str(tmp_path / "found.json"), *OPTIONS]
    command += ["--overlay", str(tmp_path / "out"), "--set", ignored]
    assert CliRunner().invoke(app, command).exit_code == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    original, *overlays = (
        cv2.imread(str(tmp_path / name)) for name in ("a.png", "out/a.png", "out/b.png")
    )
    assert (overlays[0] != original).any()
    assert (overlays[1] == original).all()


def test_pycocotools_reads_results_with_ids(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    images = tmp_path / "a.png", tmp_path / "b.png"
    draw(*images)
    truth = tmp_path / "annotations.json"
    content = {
        "images": [{"id": 41, "file_name": "val/b.png"}, {"id": 7, "file_name": "a.png"}],
        "annotations": [],
        "categories": [{"id": 2, "name": "bus"}, {"id": 3, "name": "vehicle"}],
    }
    truth.write_text(json.dumps(content))
    output = tmp_path / "detections.json"
    command = ["detect", *map(str, images), "--output", str(output), "--ids", str(truth)]
    result = CliRunner().invoke(app, [*command, *OPTIONS])
    assert result.exit_code == 0
    results = coco.COCO(str(truth)).loadRes(str(output))
    assert len(results.getAnnIds(imgIds=[41], catIds=[3])) > 0
    assert {(each["file_name"], each["image_id"]) for each in results.anns.values()} == {
        ("a.png", 7),
        ("b.png", 41),
    }
    assert {each["category_id"] for each in results.anns.values()} == {3}


def test_earlier_results_are_kept_if_no_image_can_be_read(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no image")
    output = tmp_path / "detections.json"
    output.write_text(json.dumps(["earlier"]))
    result = CliRunner().invoke(app, ["detect", str(tmp_path), "--output", str(output)])
    assert isinstance(result.exception, SourceError)
    assert str(result.exception) == "no image can be used"
    assert result.stderr.count("not an image, or damaged") == 2
    assert json.loads(output.read_text()) == ["earlier"]


def test_exit_status_is_3_if_some_images_cannot_be_read(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    output = tmp_path / "detections.json"
    command = ["detect", str(tmp_path), "--output", str(output), *OPTIONS]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 3
    assert "b.png: not an image, or damaged" in result.stderr
    results = json.loads(output.read_text())
    assert {each["file_name"] for each in results} == {"a.png"}
    likely = sum(each["score"] >= 0.3 for each in results)
    assert 0 < likely < len(results)
    found = f"{len(results)} detections, {likely} of them with a score of 0.3 or more"
    assert result.stdout == f"{output}: {found}\n"
    result = CliRunner().invoke(app, [*command, "--set", "detector.min_score=0.3"])
    assert result.stdout == f"{output}: {likely} detections\n"


@pytest.mark.parametrize(
    ("settings", "sizes"), [([], [2, 1]), (["detector.batch_size=1"], [1] * 3)]
)
def test_batch_size_follows_the_config(tmp_path, monkeypatch, settings, sizes):
    seen = []

    class Detector:
        batch_size, class_names = 2, ("car",)

        def detect(self, frames):
            seen.append(len(frames))
            none = np.zeros(0, np.float32)
            empty = np.zeros((0, 4), np.float32), none, none.astype(np.int16)
            return [Detections(frame.header, *empty) for frame in frames]

    monkeypatch.setattr("tools.detection.detect_images.build_detector", lambda config: Detector())
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((32, 32, 3), np.uint8))
    assert detect_images([tmp_path], [], settings, pytest.fail) == DetectedImages(3, 3)
    assert seen == sizes


def test_an_interrupt_writes_the_detections_so_far(tmp_path):
    _, picture = cv2.imencode(".png", SCENE.render(0).image)
    images = [tmp_path / f"{letter}.png" for letter in "abc"]
    for image in images:
        image.write_bytes(picture.tobytes())
    images[1].unlink()
    os.mkfifo(images[1])  # whoever reads it waits for its writer
    output, data_set = tmp_path / "detections.json", tmp_path / "set.json"
    output.write_text("earlier")
    command = [sys.executable, "-m", "tools.main", "detect", *map(str, images)]
    command += ["--output", str(output), "--dataset", str(data_set)]
    command += [*OPTIONS, "--set", "detector.batch_size=1"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        with images[1].open("wb") as pipe:
            process.send_signal(signal.SIGTERM)
            assert process.stderr.readline() == "stopping; once more ends at once\n"
            process.send_signal(signal.SIGTERM)  # once more, as by `timeout`
            pipe.write(picture.tobytes())
        errors = process.stderr.read()
    assert process.returncode == 130
    results = json.loads(output.read_text())
    assert {each["file_name"] for each in results} == {image.name for image in images[:2]}
    content = json.loads(data_set.read_text())
    assert len(content["images"]) == 2
    boxes = len(content["annotations"])
    assert errors == (
        f"{output}: {len(results)} detections in 2 of 3 images\n"
        f"{data_set}: {boxes} boxes in 2 of 3 images\n"
    )


def test_an_interrupt_before_the_first_image_keeps_earlier_results(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((32, 32, 3), np.uint8))
    output, config = tmp_path / "detections.json", tmp_path / "config.yaml"
    output.write_text("earlier")
    os.mkfifo(config)
    command = [sys.executable, "-m", "tools.main", "detect", str(tmp_path / "a.png")]
    command += ["--output", str(output), "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        with config.open("w") as pipe:
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline() == "stopping; once more ends at once\n"
            pipe.write("detector: {weights: nano, engine: torch}")
        errors = process.stderr.read()
    assert process.returncode == 130
    assert errors == f"{output} is not written: 0 of 1 image\n"
    assert output.read_text() == "earlier"


def test_a_second_interrupt_ends_an_own_detector_at_once(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((32, 32, 3), np.uint8))
    (tmp_path / "waiting.py").write_text(
        "class Waiting:\n"
        "    class_names = ['car']\n"
        "    def detect(self, images):\n"
        "        print('waits', flush=True)\n"
        "        import time; time.sleep(600)\n"
    )
    output = tmp_path / "detections.json"
    command = [sys.executable, "-m", "tools.main", "detect", str(tmp_path / "a.png")]
    command += ["--output", str(output), "--set", "detector.name=waiting:Waiting"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "stopping; once more ends at once\n"
        time.sleep(1.1)  # signals within a second are one request
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 130
    assert not output.exists()
