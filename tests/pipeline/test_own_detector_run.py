"""Commands with a detector from a module on PYTHONPATH."""

import json
import re

import cv2
import numpy as np
import pytest

from stages.result_files import DETECTIONS, TRACKS, read_report
from tests.pipeline.own_modules import commands_with

MODULE = """
import os
import signal
import sys
from pathlib import Path

import numpy as np


class Brightness:
    class_names = ("car", "bus")

    def __init__(self, die_at=256, wrong_at=256, fail_at=256, exit_at=256, leave_at=256):
        if exit_at < 0:
            sys.exit("no licence")
        self._exit_at, self._leave_at = exit_at, leave_at
        self._die_at, self._wrong_at, self._fail_at = map(float, (die_at, wrong_at, fail_at))

    def detect(self, images):
        if "torch" in sys.modules:
            raise ImportError("torch takes memory, and only SpotNet needs it")
        return [self._found(image) for image in images]

    def _found(self, image):
        level = image.mean()
        marker = Path(__file__).with_name("died")
        if level > self._die_at and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if level > self._exit_at:
            sys.exit(0)
        if level > self._leave_at:
            os._exit(0)
        if level > self._fail_at:
            raise KeyError("out of sight")
        if level > self._wrong_at:
            return None
        boxes = np.array([[10, 10, 40, 40], [60, 20, 90, 50], [5, 60, 30, 90]]) + level / 20
        return boxes, [0.9, 0.8, 0.05], [1, 0, 0]
"""
NAME = "own.brightness:Brightness"


@pytest.fixture
def command(tmp_path):
    """Returns a function that runs a command which finds the detector."""
    return commands_with(tmp_path, NAME, MODULE)


@pytest.fixture
def run(clip, command, tmp_path):
    """Returns a function that runs the pipeline on the clip with the detector and its settings."""
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "clip.mp4").symlink_to(clip)

    def on_clip(settings, *more):
        (tmp_path / "own.yaml").write_text(json.dumps({"detector": settings}))
        return command(
            *("run", "--source", "videos", "--config", "own.yaml"),
            *("--output", "out", "--set", "sink.overlay=false", *more),
        )

    return on_clip


def written(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


def test_a_run_whose_own_detector_dies_has_the_same_results_and_is_not_repeated(run, tmp_path):
    detector = {"name": NAME, "settings": {"die_at": 100}}
    ignored = {"clip": [[60, 0, 160, 120]]}
    first = run(detector | {"ignored": ignored, "workers": 2})
    assert "Started again: detector" in first.stdout, first.stderr
    report = read_report(tmp_path / "out" / "clip")
    assert (report["status"], report["frames"]["out"]) == ("complete", 150)
    assert (report["detector"], report["class_names"]) == (NAME, ["car", "bus"])
    assert report["detected_by"] == NAME
    texts = written(tmp_path / "out" / "clip")
    rows = [line.split(b",") for line in texts["detections.txt"].splitlines()]
    assert [row[0] for row in rows] == [b"%d" % number for number in range(1, 151)]
    assert {(row[6], row[7]) for row in rows} == {(b"0.900000", b"2")}

    repeated = run(detector | {"ignored": ignored})
    assert repeated.stdout + repeated.stderr == "1 finished sequence skipped\n"
    other = run({"name": NAME, "ignored": ignored})
    assert 'detector.settings: {"die_at": 100} there, {} now' in other.stderr
    undisturbed = run({"name": NAME, "ignored": ignored}, "--overwrite")
    assert "Started again" not in undisturbed.stdout
    assert written(tmp_path / "out" / "clip") == texts


@pytest.mark.parametrize(
    ("level", "status", "error", "function"),
    [
        (100, 1, "the detector failed: KeyError: 'out of sight'", "_found"),
        ("high", 2, "it cannot be built: ValueError: could not convert string", "__init__"),
    ],
)
def test_an_error_in_an_own_detector_is_reported_with_its_traceback(
    run, level, status, error, function
):
    options = ("--set", "runtime.restarts_per_minute=0", "--debug")
    done = run({"name": NAME, "settings": {"fail_at": level}}, *options)
    assert done.returncode == status
    assert error in done.stderr
    assert re.search(rf'brightness\.py", line \d+, in {function}\n', done.stderr)


@pytest.mark.parametrize(
    ("settings", "status", "problem"),
    [
        ({"wrong_at": 100}, 1, "a result must be (boxes, scores, classes), got NoneType"),
        ({"dye_at": 100}, 2, "got an unexpected keyword argument 'dye_at'"),
        ({"exit_at": -1}, 2, "it cannot be built: SystemExit: no licence"),
    ],
)
def test_a_wrong_own_detector_ends_the_run_with_one_line(run, settings, status, problem):
    done = run({"name": NAME, "settings": settings})
    assert done.returncode == status
    [line] = done.stderr.splitlines()
    assert line.startswith(f"spotstream: detector '{NAME}': ")
    assert line.endswith(problem)


def test_results_have_only_the_chosen_classes(run, tmp_path):
    """Of a detector, and of the detections of another run."""
    out = tmp_path / "out" / "clip"
    assert run({"name": NAME}).returncode == 0
    buses = [row for row in (out / DETECTIONS).read_text().splitlines() if row.endswith(",2")]
    (tmp_path / "out").rename(tmp_path / "found")
    for detector in ({"name": NAME}, {"detections": "found"}):
        done = run(detector | {"classes": ["bus"]}, "--overwrite")
        assert done.returncode == 0, done.stderr
        chosen = (out / DETECTIONS).read_text().splitlines()
        assert len(chosen) == len(buses) == 150
        without_index = [each.split(",")[2:] for each in chosen]
        assert without_index == [each.split(",")[2:] for each in buses]
        assert {row.split(",")[7] for row in (out / TRACKS).read_text().splitlines()} == {"2"}
        assert read_report(out)["class_names"] == ["car", "bus"]


def test_a_class_that_the_detector_does_not_have_ends_the_run_with_one_line(run):
    done = run({"name": NAME, "classes": ["bus", "tram", ""]})
    assert (done.returncode, done.stderr) == (
        2,
        "spotstream: detector.classes: the detector has no class tram, ''; it has car, bus\n",
    )


@pytest.mark.parametrize(
    ("way", "how"),
    [("exit_at", "failed: SystemExit: 0"), ("leave_at", "ended with status 0")],
)
def test_an_own_detector_that_exits_has_failed(run, way, how):
    done = run({"name": NAME, "settings": {way: 100}}, "--set", "runtime.restarts_per_minute=0")
    assert done.returncode == 1
    assert f"the detector {how}; not finished: clip" in done.stderr


def test_an_own_detector_detects_in_images_until_it_fails(command, tmp_path):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), np.full((120, 160, 3), 100, np.uint8))
    done = command("detect", "photos", "--set", f"detector.name={NAME}")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "detections.json").read_text())
    found = [
        ([15, 15, 30, 30], "bus"),
        ([65, 25, 30, 30], "car"),
        ([10, 65, 25, 30], "car"),
    ]
    assert [(each["bbox"], each["category"]) for each in results] == found
    only = "--set", "detector.classes=[bus]", "--output", "buses.json"
    assert command("detect", "photos", "--set", f"detector.name={NAME}", *only).returncode == 0
    assert json.loads((tmp_path / "buses.json").read_text()) == results[:1]

    cv2.imwrite(str(tmp_path / "photos" / "b.png"), np.full((120, 160, 3), 180, np.uint8))
    arguments = "photos", "--set", f"detector.name={NAME}", "--set", "detector.settings.fail_at=150"
    failed = command("detect", *arguments)
    assert failed.returncode == 1
    assert failed.stderr == (
        "detections.json: 3 detections in 1 of 2 images\n"
        "spotstream: photos/b.png: KeyError: 'out of sight'\n"
    )
    assert json.loads((tmp_path / "detections.json").read_text()) == results
    assert re.search(r'py", line \d+, in _found\n', command("--debug", "detect", *arguments).stderr)

    exited = command(
        "detect",
        "photos",
        "--set",
        f"detector.name={NAME}",
        "--set",
        "detector.settings.exit_at=150",
    )
    assert (exited.returncode, exited.stderr) == (
        1,
        "detections.json: 3 detections in 1 of 2 images\nspotstream: photos/b.png: SystemExit: 0\n",
    )
    assert json.loads((tmp_path / "detections.json").read_text()) == results
