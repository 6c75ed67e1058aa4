import contextlib
import json
import os
import shutil
import signal
import subprocess

import numpy as np
import pytest

from stages.atomic import part_path
from stages.errors import OutputError
from stages.folder_lock import FolderLock
from stages.sink.folder_contents import RUN
from tests.tools.processes import spotstream
from tests.videos import frames_in
from tests.waiting import wait_for
from tools.commands.complete import complete
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import SPOTSTREAM

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("material"), 250, HEIGHT, WIDTH)


def killed_run(clip, output, *settings):
    """Runs a pipeline on ``clip`` in real time and kills it once it has rows of over 40 frames."""
    arguments = [
        *(*SPOTSTREAM, "run", "--source", str(clip), "--output", str(output)),
        *("--set", detections_setting(clip)),
        *("--set", "decoder.pace=original"),
        *(each for setting in settings for each in ("--set", setting)),
    ]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, start_new_session=True)
    folder = output / clip.stem
    try:
        wait_for(lambda: rows(folder, "times") > 40)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()  # returns once every stage has ended
    return folder


def rows(folder, stem):
    """Counts the rows, including those in part files."""
    paths = [*folder.glob(f"{stem}*.txt"), *folder.glob(f".{stem}*.txt.part")]
    count = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # it was renamed meanwhile
            count += path.read_bytes().count(b"\n")
    return count


def test_completing_a_killed_video_run_keeps_all_its_rows(clip, tmp_path):
    folder = killed_run(clip, tmp_path / "killed", "sink.kitti=true")
    names = ("mot.txt", "detections.txt", "kitti.txt")
    there = {name: part_path(folder / name).read_text() for name in names}
    run = (folder / RUN).read_bytes()
    done = spotstream("complete", str(tmp_path / "killed"))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((folder / "run.json").read_text())
    frames, tracks = report["frames"]["out"], report["tracks"]
    assert done.stdout == f"{folder}: truncated, {frames} frames, {tracks} tracks\n"
    assert {name: (folder / name).read_text() for name in there} == there
    assert frames == rows(folder, "times")
    _, ids, left, top, width, height, *_ = np.loadtxt(folder / "mot.txt", delimiter=",").T
    assert tracks == len(np.unique(ids))
    is_seen = (left < WIDTH) & (left + width > 0) & (top < HEIGHT) & (top + height > 0)
    assert rows(folder, "kitti") == is_seen.sum() > 0
    shown = frames_in(folder / "overlay.mp4")
    assert shown == frames - report["frames"]["left_out_of_overlay"] > 30
    (folder / RUN).write_bytes(run)  # as if completing had been killed at its end
    again = spotstream("complete", str(tmp_path / "killed"))
    assert again.stdout == f"{folder}: complete already, nothing is lost; leftovers removed\n"
    again = spotstream("complete", str(tmp_path / "killed"))
    assert again.stdout == f"{tmp_path / 'killed'}: nothing to complete\n"


def test_completing_a_killed_camera_run_keeps_all_its_parts(clip, tmp_path):
    settings = [
        "runtime.mode=live",
        f"sink.text_minutes={1 / 60}",
        f"sink.overlay_minutes={1 / 60}",
    ]
    folder = killed_run(clip, tmp_path, *settings)
    before = rows(folder, "mot")
    refused = spotstream("run", "--source", str(clip), "--output", str(tmp_path))
    assert f"`spotstream complete {folder}` completes them" in refused.stderr
    assert spotstream("complete", str(folder)).returncode == 0
    report = json.loads((folder / "run.json").read_text())
    names = {"mot.txt", "mot-2.txt", "overlay.mp4", "overlay-2.mp4"}
    assert names < set(report["files"]) == {path.name for path in folder.iterdir()} - {"run.json"}
    assert rows(folder, "mot") == before
    assert report["frames"]["out"] == rows(folder, "times")
    shown = sum(frames_in(path) for path in folder.glob("overlay*.mp4"))
    assert shown == report["frames"]["out"] - report["frames"]["left_out_of_overlay"]


def test_rows_without_a_run_record_are_reported_as_not_completable(tmp_path):
    (tmp_path / "old" / "north").mkdir(parents=True)
    part_path(tmp_path / "old" / "north" / "mot.txt").write_text("1,1,0,0,9,9,0.9,-1,-1,-1\n")
    done = spotstream("complete", str(tmp_path / "old"))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{tmp_path / 'old' / 'north'} cannot be completed, as .run.part is not" in done.stderr
    (tmp_path / "old" / "north" / "run.json").write_text("{}")
    done = spotstream("complete", str(tmp_path / "old"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'old'}: nothing to complete\n")
    done = spotstream("complete", str(tmp_path / "old"), str(tmp_path / "old"))
    assert (done.returncode, done.stdout) == (0, "2 folders: nothing to complete\n")


def test_a_folder_that_cannot_be_completed_does_not_stop_the_others(clip, tmp_path):
    killed_run(clip, tmp_path / "good")
    for name in ("bad", "busy"):
        shutil.copytree(tmp_path / "good", tmp_path / name)
    (tmp_path / "bad" / clip.stem / RUN).write_bytes(b"")
    lock = FolderLock(tmp_path / "busy")
    done = spotstream("complete", *(str(tmp_path / name) for name in ("bad", "busy", "good")))
    lock.release()
    assert done.returncode == 4
    bad, busy = done.stderr.splitlines()
    assert bad.startswith(f"spotstream: {tmp_path / 'bad' / clip.stem} cannot be completed")
    assert busy.startswith(f"spotstream: {tmp_path / 'busy'}: another process is writing there")
    assert (tmp_path / "good" / clip.stem / "run.json").exists()


def test_a_link_into_a_folder_in_use_is_refused_and_frees_its_locks(tmp_path):
    live, other = tmp_path / "live", tmp_path / "other"
    (other / "north").mkdir(parents=True)
    (other / "north" / RUN).touch()
    live.mkdir()
    (live / "north").symlink_to(other / "north")
    for written, free in ((live, other), (other, live)):
        lock = FolderLock(written)
        with pytest.raises(OutputError, match=f"{written}: another process is writing there"):
            complete([live])
        FolderLock(free).release()
        lock.release()
