"""``spotstream draw``: tracks from a file, drawn on a video."""

from __future__ import annotations

import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from stages.atomic import part_path
from stages.errors import OutputError, SpotStreamError
from stages.folder_lock import FolderLock
from tests.stages.decoder.conftest import write_video
from tests.tools.invoking import output_of
from tests.tools.processes import run_python
from tests.videos import frames_in
from tools.main import app

SIGNALLED = """
import os
from pipeline import signals
from tools.drawing.drawing import TrackDrawing
from tools.main import main

signals._ONE_REQUEST_SECONDS = 0  # two signals are two requests
draw_frame = TrackDrawing._draw_frame

def signalled(self, frame, writer):
    draw_frame(self, frame, writer)
    if self.frames == 10:
        for number in {numbers}:
            os.kill(os.getpid(), number)

TrackDrawing._draw_frame = signalled
main()
"""

draw = partial(output_of, "draw")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 30 grey frames of 128×96."""
    path = tmp_path / "grey.mp4"
    write_video(path, frames=30, width=128, height=96)
    return path


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    """One track of 30 frames, without scores."""
    path = tmp_path / "others.txt"
    path.write_text(rows(range(1, 31)))
    return path


def rows(numbers: range) -> str:
    return "".join(f"{number},7,{2 * number},40,30,20\n" for number in numbers)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["draw", *map(str, arguments)])


def signalled(numbers: list[int], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the command, which gets signals after its tenth frame."""
    return run_python("-c", SIGNALLED.format(numbers=[*map(int, numbers)]), "draw", *arguments)


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        planes = (frame.to_ndarray()[: frame.height] for frame in container.decode(video=0))
        return [*planes]


def hidden(folder: Path) -> list[Path]:
    return [*folder.glob(".*")]


def test_boxes_are_drawn_on_their_frames(video: Path, tracks: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "drawn.mp4"
    printed = draw(video, "--tracks", tracks, "--output", output)
    assert printed == f"{output}: 1 track, 30 boxes in 30 frames\n"
    assert not hidden(output.parent)
    for index, (drawn, plain) in enumerate(zip(luma(output), luma(video), strict=True)):
        left = 2 * (index + 1)
        edge, inside = (
            int(abs(each[44:56, x : x + 2].astype(int).mean() - plain.mean()))
            for each, x in ((drawn, left), (drawn, left + 14))
        )
        assert (edge > 20) or index > 8, index  # later the grey is as bright as the box
        assert inside < 4


def test_a_selection_keeps_the_numbers_of_frames(video: Path, tmp_path: Path) -> None:
    tracks, output = tmp_path / "others.txt", tmp_path / "drawn.mp4"
    tracks.write_text(rows(range(6, 7)))
    selection = ("--set", "decoder.first_frame=5", "--set", "decoder.last_frame=6")
    printed = draw(video, "--tracks", tracks, "--output", output, *selection)
    assert printed == f"{output}: 1 track, 1 box in 2 frames\n"
    before, drawn = luma(output)
    assert abs(before[44:56, 12:14].mean() - before.mean()) < 10
    assert abs(drawn[44:56, 12:14].mean() - before.mean()) > 20


def test_boxes_with_scores_too_low_to_be_drawn_are_not_reported(
    video: Path, tmp_path: Path
) -> None:
    tracks, output = tmp_path / "scored.txt", tmp_path / "drawn.mp4"
    tracks.write_text("1,7,10,40,30,20,0.6\n2,7,12,40,30,20,-1\n2,8,50,40,30,20,0.4\n")
    printed = draw(
        video, "--tracks", tracks, "--output", output, "--set", "sink.overlay_min_score=0.5"
    )
    assert printed == f"{output}: 1 track, 2 boxes in 30 frames\n"


def test_images_are_numbered_by_their_names(tmp_path: Path, tracks: Path) -> None:
    folder = tmp_path / "M0101"
    folder.mkdir()
    for number in (2, 4):
        cv2.imwrite(str(folder / f"img{number:06d}.png"), np.full((96, 128, 3), 90, np.uint8))
    tracks.write_text(rows(range(4, 5)))
    output, slow = tmp_path / "drawn.mp4", ("--set", "decoder.frame_rate=10")
    printed = draw(folder, "--tracks", tracks, "--output", output, *slow)
    with av.open(str(output)) as container:
        assert container.streams.video[0].average_rate == 5  # the third is missing
    assert printed == f"{output}: 1 track, 1 box in 2 frames\n"
    before, drawn = luma(output)
    assert abs(before[44:56, 8:10].mean() - before.mean()) < 4
    assert abs(drawn[44:56, 8:10].mean() - before.mean()) > 20


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


def test_an_existing_file_is_replaced_only_with_overwrite(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    output = tmp_path / "drawn.mp4"
    output.write_text("earlier")
    arguments = (video, "--tracks", tracks, "--output", output)
    refused = run(*arguments)
    assert isinstance(refused.exception, OutputError)
    assert str(refused.exception) == (
        f"{output} exists; choose another --output, or add --overwrite"
    )
    assert output.read_text() == "earlier"
    draw(*arguments, "--overwrite")
    assert frames_in(output) == 30


def test_further_videos_are_numbered(video: Path, tracks: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"drawn{suffix}.mp4" for suffix in ("", "-2", "-3"))
    third.write_text("earlier")
    parts = ("--set", "sink.overlay_minutes=0.007")
    arguments = (video, "--tracks", tracks, "--output", first, *parts)
    refused = run(*arguments)
    assert str(refused.exception).startswith(f"{third} exists; ")
    assert third.read_text() == "earlier"
    assert not first.exists()
    assert not hidden(tmp_path)
    printed = draw(*arguments, "--overwrite")
    assert printed.startswith(f"{first}, {second}, {third}: 1 track, 30 boxes in 30 frames")
    assert [frames_in(path) for path in (first, second, third)] == [12, 12, 6]


def test_a_further_video_does_not_replace_the_source(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    source = video.rename(tmp_path / "drawn-2.mp4")
    content = source.read_bytes()
    arguments = (source, "--tracks", tracks, "--output", tmp_path / "drawn.mp4", "--overwrite")
    refused = run(*arguments, "--set", "sink.overlay_minutes=0.007")
    assert str(refused.exception) == f"{source} is the source; choose another place"
    assert source.read_bytes() == content


def test_videos_of_an_earlier_drawing_after_the_last_are_reported(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    output = tmp_path / "drawn.mp4"
    arguments = (video, "--tracks", tracks, "--output", output, "--overwrite")
    draw(*arguments, "--set", "sink.overlay_minutes=0.007")
    printed = draw(*arguments)
    left = f"{tmp_path / 'drawn-2.mp4'} and 1 more"
    assert f"spotstream: {left}: not of this drawing, which ends with {output}\n" in printed


def test_a_change_of_size_begins_another_video(tracks: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "sizes.ts", tmp_path / "drawn.mp4"
    with source.open("wb") as joined:
        for width in (128, 160):
            write_video(part := tmp_path / f"{width}.ts", frames=10, width=width, height=96)
            joined.write(part.read_bytes())
    printed = draw(source, "--tracks", tracks, "--output", output)
    assert (
        "spotstream: after frame 10, frames are 160x96 instead of 128x96; a new video begins\n"
    ) in printed
    assert f"{output}, {tmp_path / 'drawn-2.mp4'}: 1 track, 20 boxes in 20 frames\n" in printed


def test_lines_that_do_not_fit_are_reported(video: Path, tracks: Path, tmp_path: Path) -> None:
    lines = "sink.lines={'*': {far: [900, 0, 900, 90]}}"
    printed = draw(video, "--tracks", tracks, "--output", tmp_path / "drawn.mp4", "--set", lines)
    assert "line 'far' lies outside the frame of 128x96" in printed


def test_a_link_leads_to_the_video(video: Path, tracks: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    draw(video, "--tracks", tracks, "--output", tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert frames_in(tmp_path / "real.mp4") == 30


def test_a_source_that_breaks_off_gives_status_3_and_its_frames(
    tracks: Path, tmp_path: Path
) -> None:
    source, output = tmp_path / "broken.mp4", tmp_path / "drawn.mp4"
    write_video(source, frames=40, noise=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    done = run(source, "--tracks", tracks, "--output", output)
    assert done.exit_code == 3
    broken = re.search(rf"spotstream: {source} breaks off after (\d+) of 40 frames\n", done.output)
    assert broken
    assert frames_in(output) == int(broken[1]) - 1  # the packet of the last one is not whole
    assert "another video" not in done.output


def test_ctrl_c_completes_the_video(video: Path, tracks: Path, tmp_path: Path) -> None:
    output = tmp_path / "drawn.mp4"
    done = signalled([signal.SIGINT], video, "--tracks", tracks, "--output", output)
    assert done.returncode == 130
    assert done.stderr == (
        f"stopping; once more ends at once\n{output}: 1 track, 10 boxes in 10 of 30 frames\n"
    )
    assert frames_in(output) == 10
    assert not hidden(tmp_path)


def test_a_second_signal_leaves_nothing(video: Path, tracks: Path, tmp_path: Path) -> None:
    output = tmp_path / "drawn.mp4"
    twice = [signal.SIGINT, signal.SIGTERM]
    done = signalled(twice, video, "--tracks", tracks, "--output", output)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert not output.exists()
    assert not hidden(tmp_path)


def test_what_a_killed_process_left_is_cleared_away(
    video: Path, tracks: Path, tmp_path: Path
) -> None:
    calm, output = tmp_path / "calm.mp4", tmp_path / "drawn.mp4"
    draw(video, "--tracks", tracks, "--output", calm)
    killed = signalled([signal.SIGKILL], video, "--tracks", tracks, "--output", output)
    assert killed.returncode == -signal.SIGKILL
    assert [*part_path(output).iterdir()]
    assert not output.exists()
    draw(video, "--tracks", tracks, "--output", output)
    assert output.read_bytes() == calm.read_bytes()
    assert not hidden(tmp_path)


def test_a_video_beside_the_tracks_is_replaced(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "mot.txt").write_text("1,1,10,10,9,9,0.5,-1,-1,-1\n")
    for _ in "ab":
        draw(video, "--tracks", folder, "--output", folder / "drawn.mp4", "--overwrite")
    assert frames_in(folder / "drawn.mp4") == 30


def test_two_processes_do_not_write_one_video(video: Path, tracks: Path, tmp_path: Path) -> None:
    output = tmp_path / "drawn.mp4"
    other = FolderLock(part_path(output))
    try:
        refused = run(video, "--tracks", tracks, "--output", output)
    finally:
        other.release()
    assert isinstance(refused.exception, OutputError)
    assert "another process is writing there" in str(refused.exception)


def test_a_full_disk_leaves_nothing(full_disk: Path, tracks: Path, tmp_path: Path) -> None:
    source = tmp_path / "noise.mp4"
    write_video(source, frames=30, noise=True)
    refused = run(source, "--tracks", tracks, "--output", full_disk / "drawn.mp4")
    assert isinstance(refused.exception, OutputError)
    assert "no space left on device" in str(refused.exception)
    assert not [*full_disk.iterdir()]


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


def test_another_frame_size_of_the_run_is_reported(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "grey"
    folder.mkdir(parents=True)
    (folder / "mot.txt").write_text("1,1,10,10,9,9,0.5,-1,-1,-1\n")
    (folder / "run.json").write_text('{"stream": "grey", "frame_size": [1920, 1080]}')
    printed = draw(video, "--tracks", folder, "--output", tmp_path / "drawn.mp4")
    assert (
        f"spotstream: the tracks are of frames of 1920x1080, but those of {video} are 128x96\n"
    ) in printed
