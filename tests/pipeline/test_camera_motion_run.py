"""Camera motion is passed from the frames to the tracker."""

from collections import Counter

import av
import cv2
import numpy as np
import pytest

from tests.pipeline.disturbed import kill
from tools.harness.material import detections_setting
from tools.harness.runner import run_with

FRAMES = 120
VEHICLES = np.array([(150.0, 140.0), (250.0, 180.0)])  # too few to derive camera motion from


@pytest.fixture(scope="module")
def jerky(tmp_path_factory):
    """A clip whose camera jerks by more than a vehicle's length, and detections of two vehicles."""
    folder = tmp_path_factory.mktemp("jerky")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 500), np.uint8)
    ground = sum(cv2.GaussianBlur(noise, (0, 0), blur) * blur for blur in (3.0, 12.0))
    ground = cv2.normalize(ground, None, 20, 230, cv2.NORM_MINMAX).astype(np.uint8)
    offsets = rng.choice((60, 88), (FRAMES, 2))
    with (
        av.open(str(folder / "clip.mp4"), "w") as container,
        (folder / "clip_Det_made.txt").open("w") as detections,
    ):
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number, (x, y) in enumerate(offsets, start=1):
            view = np.ascontiguousarray(ground[y : y + 180, x : x + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="gray")))
            for row, (left, top) in enumerate(VEHICLES - (x, y), start=1):
                detections.write(f"{number},{row},{left:.1f},{top:.1f},20,16,0.9\n")
        container.mux(stream.encode(None))
    return folder / "clip.mp4"


def settings(clip, *more):
    return [
        detections_setting(clip),
        "tracker.name=spottrack",
        "sink.overlay=false",
        *more,
    ]


def tracks_of(folder):
    rows = [line.split(",") for line in (folder / "clip" / "mot.txt").read_text().splitlines()]
    return Counter(int(row[1]) for row in rows)


def test_camera_motion_is_followed_if_enabled_and_after_a_restart(jerky, tmp_path):
    run_with([str(jerky)], tmp_path / "blind", settings(jerky))
    assert len(tracks_of(tmp_path / "blind")) >= 8

    seeing = settings(jerky, "decoder.camera_motion=true")
    run_with([str(jerky)], tmp_path / "calm", seeing)
    assert tracks_of(tmp_path / "calm") == {1: FRAMES, 2: FRAMES}

    killed, slow = tmp_path / "killed", detections_setting(jerky, delay_ms=8)
    harm = kill("decoder of clip", at=[30])
    result = run_with([str(jerky)], killed, [*seeing, slow], harm)
    assert result.restarts == {"decoder of clip": 1}
    for name in ("mot.txt", "detections.txt"):
        calm = tmp_path / "calm" / "clip" / name
        assert (killed / "clip" / name).read_bytes() == calm.read_bytes()


def test_camera_motion_of_dropped_frames_is_included(jerky, tmp_path):
    live = ("runtime.mode=live", "decoder.pace=original", detections_setting(jerky, delay_ms=70))
    seeing = settings(jerky, "decoder.camera_motion=true", *live)
    result = run_with([str(jerky)], tmp_path, seeing)
    written = result.finished["clip"].frames
    assert written < 0.8 * FRAMES
    assert tracks_of(tmp_path) == {1: written, 2: written}
