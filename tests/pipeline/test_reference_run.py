"""Vehicles are counted on a picture on which the frames of a moving camera are found."""

import json
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from pipeline.config_file import load_config
from stages.decoder.locations import SourceSpec
from stages.errors import ConfigError
from stages.records import Detections, Frame, Tracks
from stages.result_files import read_report
from stages.scene import Scene, SceneConfig
from stages.sink.crossings import LineCounter
from tests.pipeline.disturbed import kill, texts_in
from tools.drawing.drawing import TrackDrawing
from tools.harness.material import detections_setting
from tools.harness.runner import run_with
from tools.results.stored_tracks import read_tracks
from tools.running.run import run_pipeline

FRAMES, STEP, FIRST = 90, 2, 40  # the picture is that of frame 0 of the scene
LINES = {f"v{x}": (x, 40, x, 240) for x in range(100, 400, 40)}
LINES |= {f"h{y}": (60, y, 420, y) for y in range(60, 240, 30)}


@pytest.fixture(scope="module")
def drone(tmp_path_factory):
    """A rendered clip of a drone with exact detections, and the counts by its exact camera."""
    folder = tmp_path_factory.mktemp("drone")
    frames = FIRST + STEP * (FRAMES + 1)
    scene = Scene(SceneConfig(11, width=480, height=272, view="drone", frames=frames))
    cv2.imwrite(str(folder / "before.png"), scene.render(0).image)
    picture = scene.camera(0).ground_homography()
    counter = LineCounter(LINES)
    with (
        av.open(str(folder / "clip.mp4"), "w") as container,
        (folder / "clip_Det_made.txt").open("w") as detections,
    ):
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 480, 272, "yuv420p"
        for number in range(1, FRAMES + 1):
            index = FIRST + STEP * number
            shown = scene.render(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown.image, format="bgr24")))
            for row, (left, top, right, bottom) in enumerate(shown.boxes.tolist(), start=1):
                box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                detections.write(f"{number},{row},{box},0.9\n")
            view = picture @ np.linalg.inv(scene.camera(index).ground_homography())
            header = Frame.of_image(shown.image, index=number).header
            header = replace(header, view=tuple(view.ravel().tolist()))
            sure = shown.boxes, np.ones(len(shown.boxes), np.float32), shown.classes
            counter.update(Tracks(Detections(header, *sure), *sure, shown.ids), number, "")
        container.mux(stream.encode(None))
    return folder / "clip.mp4", {name: list(each) for name, each in counter.counts.items()}


def settings(clip, *more):
    lines = json.dumps({"clip": LINES})
    zones = json.dumps({"clip": {"middle": [[160, 80], [320, 80], [320, 200], [160, 200]]}})
    drawn = f"sink.lines={lines}", f"sink.zones={zones}"
    tracker = "tracker.name=spottrack", "decoder.camera_motion=true"
    return [detections_setting(clip), *drawn, *tracker, "sink.overlay=false", *more]


def reference(clip):
    return f"decoder.reference={{clip: {clip.parent / 'before.png'}}}"


def counts_in(folder):
    crossings = read_report(folder / "clip")["crossings"]
    return {name: [each["left"], each["right"]] for name, each in crossings.items()}


def test_counts_are_those_of_the_exact_camera(drone, tmp_path):
    clip, counts = drone
    run_with([str(clip)], tmp_path / "moving", settings(clip, reference(clip)))
    assert counts_in(tmp_path / "moving") == counts
    run_with([str(clip)], tmp_path / "fixed", settings(clip))
    assert counts_in(tmp_path / "fixed") != counts


def test_draw_shows_the_lines_where_the_overlay_of_the_run_does(drone, tmp_path):
    clip, _ = drone
    shown = [*settings(clip, reference(clip)), "sink.overlay=true"]
    run_with([str(clip)], tmp_path, shown)
    tracks, config = read_tracks(tmp_path / "clip", "clip"), load_config(None, shown)
    TrackDrawing(SourceSpec("clip", str(clip)), tracks, config, print).write(tmp_path / "drawn.mp4")
    drawn, overlay = (
        [frame.to_ndarray(format="gray") for frame in av.open(str(path)).decode(video=0)]
        for path in (tmp_path / "drawn.mp4", tmp_path / "clip/overlay.mp4")
    )
    same = [(one == other).mean() for one, other in zip(drawn, overlay, strict=True)]
    assert min(same) > 0.99


@pytest.mark.parametrize("stage", ["decoder of clip", "sink"])
def test_a_killed_stage_changes_nothing(stage, drone, tmp_path):
    clip, _ = drone
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    run_with([str(clip)], calm, settings(clip, reference(clip)))
    slow = settings(clip, reference(clip), detections_setting(clip, delay_ms=8))
    result = run_with([str(clip)], killed, slow, kill(stage, at=[30]))
    assert result.restarts == {stage: 1}
    assert texts_in(killed / "clip") == texts_in(calm / "clip")


def test_another_view_counts_nothing_and_is_reported_once(drone, tmp_path):
    clip, _ = drone
    other = Scene(SceneConfig(5, width=480, height=272, view="intersection"))
    cv2.imwrite(str(tmp_path / "other.png"), other.render(0).image)
    wrong = f"decoder.reference={{clip: {tmp_path / 'other.png'}}}"
    victims = []
    run_with([str(clip)], tmp_path / "results", settings(clip, wrong), victims.append)
    reported = [each for each in victims[0].notices if "other.png" in each]
    assert reported == [
        f"frames from 1 on do not show the view of {tmp_path / 'other.png'}; until they do, "
        f"nothing is counted or measured"
    ]
    assert not any(map(sum, counts_in(tmp_path / "results").values()))


def test_a_picture_that_is_not_there_is_refused(drone, tmp_path):
    clip, _ = drone
    missing = f"decoder.reference={{clip: {tmp_path / 'no.png'}}}"
    with pytest.raises(ConfigError, match=r"^decoder\.reference\.clip: .*no\.png does not exist$"):
        run_pipeline(
            [str(clip)], tmp_path / "results", [], settings(clip, missing),
            overwrite=False, stay=False, json_log=False, debug=False,
        )  # fmt: skip


def test_a_picture_that_is_no_image_fails_the_stream_in_one_line(drone, tmp_path):
    clip, _ = drone
    (tmp_path / "text.png").write_text("no image")
    wrong = f"decoder.reference={{clip: {tmp_path / 'text.png'}}}"
    result = run_with([str(clip)], tmp_path / "results", settings(clip, wrong))
    message = f"decoder.reference: {tmp_path / 'text.png'} cannot be read as an image"
    assert result.failed == {"clip": message}
