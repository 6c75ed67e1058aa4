"""Commands with a tracker from a module on PYTHONPATH."""

import pytest

from stages.result_files import read_report
from tests.pipeline.own_modules import commands_with
from tools.harness.material import detections_of, detections_setting

MODULE = """
import os
from dataclasses import replace
from pathlib import Path

from trackers.sort import Sort


class Dying(Sort):
    def __init__(self, max_age=5, die_at=0):
        super().__init__(max_age=max_age)
        self._die_at = die_at

    def _track(self, observations):
        marker = Path(__file__).with_name("died")
        if self._frame == self._die_at and not marker.exists():
            marker.touch()
            os._exit(0)
        return super()._track(observations)


class Wide(Sort):
    def update(self, *frame):
        tracked = super().update(*frame)
        return replace(tracked, boxes=tracked.boxes.astype("float64"))


class Doubled(Sort):
    def _track(self, observations):
        boxes, ids, used = super()._track(observations)
        return boxes, ids * 0 + 1, used


class Fixed(Sort):
    def __init__(self):
        super().__init__()
"""
NAME = "own.dying:Dying"


@pytest.fixture
def any_command(tmp_path):
    """Returns a function that runs a command which finds the tracker."""
    return commands_with(tmp_path, NAME, MODULE)


@pytest.fixture
def command(any_command):
    """Returns a function that runs a command which finds the tracker, and must succeed."""

    def run(*arguments):
        done = any_command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_run_with_an_own_tracker_survives_its_exit_and_is_not_repeated(clip, command, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "clip.mp4").symlink_to(clip)
    detections = tmp_path / "clip.txt"
    detections.symlink_to(detections_of(clip))
    (tmp_path / "own.yaml").write_text(f"tracker: {{name: {NAME!r}, settings: {{die_at: 70}}}}\n")
    run = (
        *("run", "--source", "videos", "--config", "own.yaml", "--output", "out"),
        *("--set", "sink.overlay=false", "--set", f"detector.detections={detections}"),
    )
    assert "Started again: tracker 1 time" in command(*run)
    report = read_report(tmp_path / "out" / "clip")
    assert (report["status"], report["frames"]["out"]) == ("complete", 150)
    assert report["config"]["tracker"] == {"name": NAME, "settings": {"die_at": 70}}

    track = ("track", "--detections", detections, "--set", "max_age=5")
    for tracker in (NAME, "sort"):
        command(*track, "--tracker", tracker, "--output", f"{tracker}.txt")
    tracked = (tmp_path / f"{NAME}.txt").read_text()
    assert tracked == (tmp_path / "sort.txt").read_text() != ""
    written = (tmp_path / "out" / "clip" / "mot.txt").read_text()
    assert _ids(written) == _ids(tracked)

    listed = command("config", "own.yaml")  # with the other settings' defaults
    (tmp_path / "own.yaml").write_text(listed)
    assert "    max_age: 5\n    die_at: 70\n" in listed
    assert command(*run) == "1 finished sequence skipped\n"


def _ids(text):
    return [line.split(",")[:2] for line in text.splitlines()]


def test_tracks_that_the_sink_would_not_take_end_the_run(clip, any_command):
    done = any_command(
        *("run", clip, "--output", "out", "--set", "tracker.name=own.dying:Wide"),
        *("--set", detections_setting(clip), "--set", "runtime.restarts_per_minute=0"),
    )
    assert done.returncode == 1
    assert "the tracker failed: ValueError: stream clip, frame 1: tracks with an array of" in (
        done.stderr
    )


def test_an_own_tracker_is_evaluated_beside_others(command, tmp_path):
    (tmp_path / "det").mkdir()
    (tmp_path / "A_gt.txt").write_text("1,1,0,0,10,10,1,1,-1\n")
    for name in ("A_gt_ignore.txt", "A_gt_whole.txt"):
        (tmp_path / name).touch()
    (tmp_path / "det" / "A.txt").write_text("1,1,0,0,10,10,0.9\n")
    output = command(
        *("evaluate", "uavdt", "--gt", ".", "--detections", "det", "--workers", "2"),
        *("--tracker", NAME, "--tracker", "own.dying:Fixed", "--tracker", "sort"),
    )
    assert f"\n{NAME}: detections of det, tracked by {NAME} (max_age=5, die_at=0)\n" in output
    assert "\nown.dying:Fixed: detections of det, tracked by own.dying:Fixed\n" in output
    assert "\nsort: detections of det, tracked by sort (max_age=1, " in output


def test_wrong_tracks_end_run_and_track_with_the_same_line(clip, tmp_path):
    command = commands_with(tmp_path, NAME, MODULE)
    (tmp_path / "clip.mp4").symlink_to(clip)
    detections = tmp_path / "clip.txt"
    detections.symlink_to(detections_of(clip))
    ran = command(
        *("run", "--source", "clip.mp4", "--output", "out", "--set", "sink.overlay=false"),
        *("--set", "tracker.name=own.dying:Doubled", "--set", f"detector.detections={detections}"),
    )
    tracked = command(
        *("track", "--detections", detections, "--tracker", "own.dying:Doubled"),
        *("--output", "tracks.txt"),
    )
    assert (ran.returncode, tracked.returncode) == (1, 1)
    line = tracked.stderr.strip()
    assert line.startswith("spotstream: stream clip, frame ")
    assert ": tracker 'own.dying:Doubled': _track must return ids from _new_ids (the " in line
    assert line in ran.stderr
    assert "starting it again" not in ran.stderr
