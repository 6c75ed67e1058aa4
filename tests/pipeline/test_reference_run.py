"""Vehicles are counted on a picture on which the frames of a moving camera are found."""

import av
import cv2
import numpy as np
import pytest

from pipeline.config_file import load_config
from stages.decoder.locations import SourceSpec
from stages.errors import ConfigError
from stages.result_files import read_report
from stages.scene import Scene, SceneConfig
from stages.views import to_picture
from tests.documentation import run_program
from tests.pipeline.disturbed import kill, texts_in
from tests.pipeline.drone import counts_in, reference, settings
from tools.drawing.drawing import TrackDrawing
from tools.harness.material import detections_setting
from tools.harness.runner import run_with
from tools.results.stored_tracks import read_tracks
from tools.running.run import run_pipeline


def test_counts_are_those_of_the_exact_camera(drone, moving_run, tmp_path):
    clip, counts, _ = drone
    assert counts_in(moving_run.parent) == counts
    run_with([str(clip)], tmp_path / "fixed", settings(clip))
    assert counts_in(tmp_path / "fixed") != counts


def test_rows_of_views_map_trajectories_onto_the_picture(drone, moving_run, tmp_path, monkeypatch):
    _, _, views = drone
    (tmp_path / "counted").mkdir()
    (tmp_path / "counted/north").symlink_to(moving_run)
    run_program("library.md", "views.txt", tmp_path, monkeypatch)
    found = np.loadtxt(tmp_path / "trajectories.txt", delimiter=",")
    tracks = np.loadtxt(moving_run / "mot.txt", delimiter=",")
    assert (found[:, :2] == tracks[:, :2]).all()  # all frames were found
    feet = np.column_stack([tracks[:, 2] + tracks[:, 4] / 2, tracks[:, 3] + tracks[:, 5]])
    true = [
        to_picture(views[int(frame) - 1], foot[None])[0][0]
        for frame, foot in zip(tracks[:, 0], feet, strict=True)
    ]
    errors = np.linalg.norm(found[:, 2:] - true, axis=1)
    assert len(errors) > 1000
    assert errors.mean() < 0.5 < np.linalg.norm(feet - true, axis=1).mean() / 50


def test_draw_shows_the_lines_where_the_overlay_of_the_run_does(drone, tmp_path):
    clip, *_ = drone
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
    clip, *_ = drone
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    usual = settings(clip, reference(clip), "sink.text_minutes=0.02")
    run_with([str(clip)], calm, usual)
    slow = [*usual, detections_setting(clip, delay_ms=8)]
    result = run_with([str(clip)], killed, slow, kill(stage, at=[30]))
    assert result.restarts == {stage: 1}
    assert texts_in(killed / "clip") == (found := texts_in(calm / "clip"))
    assert {"views.txt", "views-2.txt"} < found.keys()


def test_another_view_counts_nothing_and_is_reported_once(drone, tmp_path):
    clip, *_ = drone
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
    frames = read_report(tmp_path / "results/clip")["frames"]
    assert frames["not_found_on_picture"] == frames["out"] > 0


def test_a_picture_that_is_not_there_is_refused(drone, tmp_path):
    clip, *_ = drone
    missing = f"decoder.reference={{clip: {tmp_path / 'no.png'}}}"
    with pytest.raises(ConfigError, match=r"^decoder\.reference\.clip: .*no\.png does not exist$"):
        run_pipeline(
            [str(clip)], tmp_path / "results", [], settings(clip, missing),
            overwrite=False, stay=False, json_log=False, debug=False,
        )  # fmt: skip


def test_a_picture_that_is_no_image_fails_the_stream_in_one_line(drone, tmp_path):
    clip, *_ = drone
    (tmp_path / "text.png").write_text("no image")
    wrong = f"decoder.reference={{clip: {tmp_path / 'text.png'}}}"
    result = run_with([str(clip)], tmp_path / "results", settings(clip, wrong))
    message = f"decoder.reference: {tmp_path / 'text.png'} cannot be read as an image"
    assert result.failed == {"clip": message}
