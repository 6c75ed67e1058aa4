"""The programs of docs/library.md run, and give the same results as SpotStream."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.supervision.commands import describe, find_run
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet
from stages.records import Frame
from stages.scene import Scene, SceneConfig
from tests.documentation import program, run_program
from tests.tools.processes import ROOT, spotstream
from tests.waiting import wait_for
from tools.exporting.formats import SUFFIXES, export
from tools.harness.material import detections_setting, make_clip

WIDTH, HEIGHT, FRAMES = 320, 192, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the programs read."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "photos").mkdir()
    scene = Scene(SceneConfig(seed=2, width=WIDTH, height=HEIGHT, frames=FRAMES, vehicles=120))
    with av.open(folder / "crossing.mp4", "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height = WIDTH, HEIGHT
        for number in range(FRAMES):
            image = scene.render(number).image
            cv2.imwrite(str(folder / "photos" / f"{number + 8}.jpg"), image)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))
    return folder


def run(what, folder, monkeypatch):
    """Runs the one program of the page that contains ``what``; see `run_program`."""
    return run_program("library.md", what, folder, monkeypatch)


def test_a_folder_of_images_is_tracked(folder, monkeypatch, capsys):
    variables = run("image_files", folder, monkeypatch)
    assert len(variables["tracks"]) > 3
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert list(dict.fromkeys(names)) == ["8.jpg", "9.jpg", "10.jpg", "11.jpg", "12.jpg"]


def test_a_video_is_decoded(folder, monkeypatch, capsys):
    run("bgr.shape", folder, monkeypatch)
    output = capsys.readouterr().out.splitlines()
    assert len(output) == FRAMES
    assert output[-1] == f"{FRAMES} {(FRAMES - 1) / 25} ({HEIGHT}, {WIDTH}, 3)"


def test_boxes_of_another_detector_are_tracked(folder, monkeypatch, capsys):
    variables = run("find_boxes", folder, monkeypatch)
    output = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in output] == [str(number + 1) for number in range(FRAMES)]
    assert len(variables["tracks"]) > 3


def test_vehicles_are_counted_across_a_line(folder, monkeypatch, capsys):
    counts = run("LineCounter", folder, monkeypatch)["counter"].counts
    *crossings, last = capsys.readouterr().out.splitlines()
    assert len(crossings) == sum(counts["stop line"]) > 0
    number, time, _, direction = crossings[0].split()
    assert float(time) == (int(number) - 1) / 25
    assert direction in ("left", "right")
    assert last == str(counts)


def test_each_class_has_its_tracker_and_ids_are_unique(folder, monkeypatch, capsys):
    run("by_class", folder, monkeypatch)
    output = capsys.readouterr().out.splitlines()
    assert len(output) == 10
    assert all(line.startswith("car [1] [[") for line in output[::2])
    assert all(line.startswith("bus [2] [[") for line in output[1::2])


def test_custom_detector_is_used_by_commands(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "lights.py").write_text(program("library.md", "Lights"))
    image = np.full((96, 160, 3), 30, np.uint8)
    image[40:50, 20:40] = image[40:50, 60:70] = 250
    cv2.imwrite(str(tmp_path / "night.png"), image)
    done = spotstream(
        *("detect", "night.png", "--set", "detector.name=own.lights:Lights"),
        cwd=tmp_path,
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "detections.json").read_text())
    assert [each["bbox"] for each in found] == [[20, 40, 20, 10], [60, 40, 10, 10]]
    assert {(each["score"], each["category"]) for each in found} == {(1, "light")}


def test_custom_tracker_works_like_a_built_in_one(folder, monkeypatch, capsys):
    tracker = run("OverlapTracker", folder, monkeypatch)["tracker"]
    assert capsys.readouterr().out.splitlines()[-1] == (
        "[1 2] [[8.0, 10.0, 58.0, 40.0], [292.0, 10.0, 332.0, 40.0]]"
    )
    assert len(tracker.update([], [])) == 0
    assert tracker.update([[8, 10, 58, 40]], [0.9]).ids.tolist() == [3]
    assert tracker.update([[8, 10, 58, 40]], [0.9], unseen=40).ids.tolist() == [4]


def test_custom_tracker_is_used_by_commands(tmp_path):
    text = program("library.md", "OverlapTracker")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "overlap.py").write_text(text.partition("\ntracker = ")[0])
    (tmp_path / "det").mkdir()
    (tmp_path / "det" / "a.txt").write_text("1,1,10,10,30,30,0.9\n2,1,12,10,30,30,0.9\n")
    name = "own.overlap:OverlapTracker"
    done = spotstream(
        *("track", "--tracker", name, "--detections", "det/", "--output", "tracks/"),
        cwd=tmp_path,
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
    )
    assert "1 track, 2 boxes in 2 frames" in done.stdout, done.stderr
    assert done.stdout.endswith(f" by {name}\n")


def test_tracks_are_scored(tmp_path, monkeypatch, capsys):
    results = tmp_path / "results" / "crossing"
    results.mkdir(parents=True)
    truth = [
        f"{frame},{identity},{identity * 50},5,40,30,1\n" for frame in (1, 2) for identity in (1, 2)
    ]
    (tmp_path / "gt.txt").write_text("".join(truth))
    (results / "mot.txt").write_text("".join(truth[:3]))
    run("score_tracking", tmp_path, monkeypatch)
    output = capsys.readouterr().out
    assert "'MOTA': 0.75" in output
    assert "'FP': 0, 'FN': 1, 'IDS': 0" in output


def test_stream_is_added_to_and_removed_from_a_running_pipeline(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    clip = make_clip(tmp_path, 250)
    (tmp_path / "crossing.mp4").symlink_to(clip)
    command = [sys.executable, "-m", "tools.main", "run", "--stay", "--output", tmp_path / "live"]
    settings = ["decoder.pace=original", detections_setting(clip)]
    given = [part for setting in settings for part in ("--set", setting)]
    with subprocess.Popen([*command, *given], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: describe(find_run(process.pid)))
            run("add_stream", tmp_path, monkeypatch)
            assert capsys.readouterr().out.startswith("east ")
            wait_for(lambda: not describe(find_run(process.pid)).streams)
        finally:
            process.terminate()


def test_sort_accepts_the_input_of_the_reference(folder, monkeypatch):
    variables = run("trackers.sort", folder, monkeypatch)
    assert variables["rows"].shape == (0, 5)
    assert variables["tracker"].next_id == 2


def test_an_exported_model_needs_no_spotstream(folder, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    export(find_weights(Path("nano")), "onnx", folder / "model.onnx")
    variables = run("onnxruntime", folder, monkeypatch)
    detector = NetworkDetector(Path("nano"), engine="torch", precision="float32", device="cpu")
    [found] = detector.detect([Frame.of_image(variables["image"])])
    strong = variables["scores"][0] >= 0.1
    np.testing.assert_allclose(variables["scores"][0][strong], found.scores, atol=1e-4)
    np.testing.assert_allclose(variables["boxes"][strong], found.boxes, atol=0.05)


@pytest.mark.parametrize(
    ("program", "format"), [("torch.jit.load", "torchscript"), ("openvino.Core", "openvino")]
)
def test_exported_model_metadata_states_its_requirements(program, format, folder, monkeypatch):
    if format == "openvino":
        pytest.importorskip("openvino")
        pytest.importorskip("onnx")
    export(find_weights(Path("nano")), format, folder / f"model{SUFFIXES[format]}")
    metadata = run(program, folder, monkeypatch)["metadata"]
    config = SpotNet.from_checkpoint(find_weights(Path("nano"))).config
    assert metadata == {
        "class_names": ",".join(config.class_names),
        "scale": f"{config.scale:g}",
        "size_multiple": str(config.size_multiple),
        "padding": config.padding,
    }
