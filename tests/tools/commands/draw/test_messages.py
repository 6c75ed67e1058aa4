"""What is reported and refused."""

from __future__ import annotations

import signal
from pathlib import Path

import cv2
import numpy as np

from stages.errors import SpotStreamError
from tests.tools.commands.draw.command import draw, hidden, rows, run, signalled


def test_tracks_after_the_last_frame_are_reported(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    tracks.write_text(rows(range(29, 34)))
    arguments = (video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4", "--overwrite")
    assert (
        f"spotstream: the tracks have boxes in 3 frames after frame 30, the last of {video}; the "
        "last of these is 33. Are they tracks of another video?\n"
    ) in draw(*arguments)
    for few in ("decoder.last_frame=29", "decoder.every=4"):
        assert ("boxes in" in draw(*arguments, "--set", few)) == (few == "decoder.every=4")


def test_an_empty_file_is_reported(video: Path, tracks: Path, tmp_path: Path) -> None:
    tracks.write_text("")
    printed = draw(video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4")
    assert f"spotstream: {tracks} has no tracks\n" in printed
    assert "drawn.mp4: 0 tracks, 0 boxes in 30 frames\n" in printed


def test_messages_are_printed_at_once(video: Path, tracks: Path, tmp_path: Path) -> None:
    tracks.write_text("")
    arguments = (video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4")
    done = signalled([signal.SIGKILL], *arguments)
    assert done.stderr == f"spotstream: {tracks} has no tracks\n"


def test_lines_only_of_other_streams_are_reported(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    lines = "sink.lines={west: {gate: [0, 0, 9, 9]}}"
    zones = "sink.zones={west: {yard: [[0, 0], [9, 0], [9, 9]]}, grey: {}}"
    arguments = (video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4")
    printed = draw(*arguments, "--set", lines, "--set", zones)
    assert "spotstream: sink.lines: nothing for grey, only for west\n" in printed
    assert "sink.zones" not in printed


def test_lines_that_do_not_fit_are_reported(video: Path, tracks: Path, tmp_path: Path) -> None:
    lines = "sink.lines={'*': {far: [900, 0, 900, 90]}}"
    printed = draw(video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4", "--set", lines)
    assert "line 'far' lies outside the frame of 128x96" in printed


def test_another_frame_size_of_the_run_is_reported(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "grey"
    folder.mkdir(parents=True)
    (folder / "mot.txt").write_text("1,1,10,10,9,9,0.5,-1,-1,-1\n")
    (folder / "run.json").write_text('{"stream": "grey", "frame_size": [1920, 1080]}')
    printed = draw(video, "--tracks", folder, "--output", tmp_path / "drawn.mp4")
    assert (
        f"spotstream: the tracks are of frames of 1920x1080, but those of {video} are 128x96\n"
    ) in printed


def test_what_cannot_be_drawn_is_refused(video: Path, tracks: Path, tmp_path: Path) -> None:
    for name in ("MVI_1", "MVI_2"):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "img00001.jpg"), np.zeros((64, 64, 3), np.uint8))
    images, output = tmp_path / "set" / "MVI_1", tmp_path / "drawn.mp4"
    cases: list[tuple[object, object, object, int, str]] = [
        ("rtsp://camera/east", tracks, output, 2, "camera-east is live, and tracks in a file are"),
        (tmp_path / "set", tracks, output, 2, "holds 2 streams (MVI_1, MVI_2); give the path"),
        (tmp_path / "no.mp4", tracks, output, 3, "no such source"),
        (video, tmp_path / "no.txt", output, 2, "cannot read tracks"),
        (video, tracks, tmp_path / "drawn.avi", 2, "choose a name that ends in .mp4"),
        (video, tracks, video, 2, "is one of the inputs"),
        (images, tracks, images / "drawn.mp4", 2, "would be in the source"),
        (tracks, tracks, output, 3, str(tracks)),
    ]
    for source, file, target, status, message in cases:
        refused = run(source, "--tracks", file, "--output", target, "--overwrite")
        assert isinstance(refused.exception, SpotStreamError), refused.output
        assert refused.exception.exit_code == status
        assert message in str(refused.exception)
        assert "\n" not in str(refused.exception)
        assert not output.exists()
        assert not hidden(tmp_path)
