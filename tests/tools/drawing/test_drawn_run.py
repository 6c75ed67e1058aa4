"""The tracks of a run, drawn on its source, are the run's overlay."""

import av
import cv2
import numpy as np
import pytest
import yaml

from stages.result_files import read_report
from tests.tools.invoking import output_of
from tests.tools.processes import spotstream

FRAMES = 40
GATE = (160, 0, 160, 180)
CONFIG = {
    "decoder": {"first_frame": 3, "every": 2, "camera_motion": True},
    "tracker": {"name": "tests.tools.drawing.as_given:AsGiven"},
    "sink": {
        "overlay_height": 150,
        "overlay_crf": 30,
        "overlay_min_score": 0.2,
        "overlay_trail": 9,
        "lines": {"clip": {"gate": GATE}},
        "zones": {"*": {"box": [[10, 20], [200, 20], [200, 170]]}},
        "ground": {"clip": [[0, 60, 0, 30], [320, 60, 30, 30], [320, 180, 9, 0], [0, 180, 0, 0]]},
    },
}


@pytest.fixture
def clip(tmp_path):
    """A clip of a panning camera, and detections of vehicles of three classes beside it."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 500), np.uint8)
    ground = sum(cv2.GaussianBlur(noise, (0, 0), blur) * blur for blur in (3.0, 12.0))
    ground = cv2.normalize(ground, None, 20, 230, cv2.NORM_MINMAX).astype(np.uint8)
    rows = []
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(1, FRAMES + 1):
            view = np.ascontiguousarray(ground[2 * number :, 3 * number :][:180, :320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="gray")))
            for index in range(4):  # the last is soon outside the frame
                left, top = 5.13 + index * 90 + 4 * number, 90.37 - index * 20 + number / 3
                score = 0.95 - index / 4 - number / 999
                box = f"{left:.2f},{top:.2f},83.21,40.57,{score:.4f}"
                rows.append(f"{number},-1,{box},{1 + index % 3},-1\n")
        container.mux(stream.encode(None))
    (tmp_path / "clip.txt").write_text("".join(rows))
    return tmp_path / "clip.mp4"


def test_drawn_tracks_of_a_run_are_its_overlay_byte_for_byte(clip, tmp_path):
    """Lines, zones, speeds, class names and trails on a moving ground are drawn, too."""
    config, results = tmp_path / "own.yaml", tmp_path / "results"
    config.write_text(yaml.safe_dump(CONFIG))
    detections = f"detector.detections={tmp_path / 'clip.txt'}"
    ran = spotstream("run", clip, "--config", config, "--set", detections, "--output", results)
    assert ran.returncode == 0, ran.stderr
    report = read_report(results / "clip")
    assert report["crossings"]["gate"]["left"] > 0
    assert report["zones"]["box"]["entered"] > 0
    assert report["class_names"] == ["car", "truck", "bus"]
    overlay = (results / "clip" / "overlay.mp4").read_bytes()
    for tracks in (results, results / "clip" / "mot.txt"):
        drawn = tmp_path / "drawn.mp4"
        printed = output_of(
            *("draw", clip, "--tracks", tracks, "--output", drawn),
            *("--config", config, "--set", "tracker.name=sort", "--overwrite"),
        )
        # The score of the fourth is below sink.overlay_min_score.
        assert printed == f"{drawn}: 3 tracks, 57 boxes in 19 frames\n"
        assert drawn.read_bytes() == overlay
