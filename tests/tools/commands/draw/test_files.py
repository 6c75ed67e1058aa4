"""The files that are written, replaced and left."""

from __future__ import annotations

import signal
from pathlib import Path

from stages.atomic import part_path
from stages.errors import OutputError
from stages.folder_lock import FolderLock
from tests.stages.decoder.conftest import write_video
from tests.tools.commands.draw.command import draw, hidden, run, signalled
from tests.videos import frames_in


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


def test_a_link_leads_to_the_video(video: Path, tracks: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    draw(video, "--tracks", tracks, "--output", tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert frames_in(tmp_path / "real.mp4") == 30


def test_a_video_beside_the_tracks_is_replaced(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "mot.txt").write_text("1,1,10,10,9,9,0.5,-1,-1,-1\n")
    for _ in "ab":
        draw(video, "--tracks", folder, "--output", folder / "drawn.mp4", "--overwrite")
    assert frames_in(folder / "drawn.mp4") == 30


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
