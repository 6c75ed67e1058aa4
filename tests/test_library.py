"""The programs of docs/library.md run, and give what SpotStream gives."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stages.decoder.scene import Scene, SceneConfig
from stages.detector.network_detector import NetworkDetector
from stages.detector.shipped import find_weights
from stages.records import Frame
from tools.exporting.formats import export

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
PROGRAMS = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
WIDTH, HEIGHT, FRAMES = 320, 192, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the programs read."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "photos").mkdir()
    scene = Scene(SceneConfig(seed=2, width=WIDTH, height=HEIGHT, frames=FRAMES, vehicles=120))
    with av.open(folder / "crossing.mp4", "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height = WIDTH, HEIGHT
        for number in range(FRAMES):
            image = scene.render(number).image
            cv2.imwrite(str(folder / "photos" / f"{number}.jpg"), image)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))
    return folder


def run(what, folder, monkeypatch):
    """Runs the one program that contains ``what`` in ``folder`` and returns its variables."""
    [program] = [program for program in PROGRAMS if what in program]
    monkeypatch.chdir(folder)
    variables = {}
    exec(compile(program, str(PAGE), "exec"), variables)
    return variables


def test_a_folder_of_images_is_tracked(folder, monkeypatch, capsys):
    variables = run("build_tracker", folder, monkeypatch)
    assert len(variables["tracks"]) > 3
    assert "4.jpg 1 [" in capsys.readouterr().out


def test_a_video_is_decoded(folder, monkeypatch, capsys):
    run("open_source", folder, monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == FRAMES
    assert said[-1] == f"{FRAMES} {(FRAMES - 1) / 25} ({HEIGHT}, {WIDTH}, 3)"


def test_vehicles_across_a_line_are_counted(folder, monkeypatch, capsys):
    feet = {  # the line is from (0, 330) to (960, 330)
        1: [(100, 300), (100, 320), (100, 340)],
        2: [(200, 300), (200, 360)],
        3: [(300, 360), (310, 320), (320, 300)],
        4: [(400, 320), (400, 340), (400, 320)],  # and back
        5: [(500, 320), (500, 340), (500, 320), (500, 340)],  # trembles, but crosses
        6: [(970, 300), (970, 360)],  # past the line's end
        7: [(700, 200), (720, 300)],
    }
    rows = [
        (frame, identity, x - 20, y - 30, 40, 30, 0.9, -1, -1, -1)
        for identity, points in feet.items()
        for frame, (x, y) in enumerate(points, 1)
    ]
    results = folder / "results" / "crossing"
    results.mkdir(parents=True, exist_ok=True)
    np.savetxt(results / "mot.txt", sorted(rows), delimiter=",", fmt="%g")
    run("right_of", folder, monkeypatch)
    assert capsys.readouterr().out == "3 to the right of the line, 1 to its left\n"


@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data")
def test_no_vehicle_crosses_where_none_was_tracked(folder, monkeypatch, capsys):
    results = folder / "results" / "crossing"
    results.mkdir(parents=True, exist_ok=True)
    (results / "mot.txt").write_text("")
    run("right_of", folder, monkeypatch)
    assert capsys.readouterr().out == "0 to the right of the line, 0 to its left\n"


def test_sort_takes_what_the_reference_takes(folder, monkeypatch):
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
    boxes = variables["boxes"][strong].clip(0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    np.testing.assert_allclose(boxes, found.boxes, atol=0.05)
