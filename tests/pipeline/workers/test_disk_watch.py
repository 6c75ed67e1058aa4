"""What is said of a file system that does not answer."""

import socket
import threading
from pathlib import Path

import pytest

from pipeline.workers.disk_watch import DiskWatch
from tests.stages.decoder.streams import write_stream
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

HANGING = """
import time
from pathlib import Path
from pipeline.workers import disk_watch
from {module} import {owner}

disk_watch._CHECK_SECONDS = 0.1
works = {owner}.{method}

def hang(*arguments):
    {owner}.{method} = works
    while not Path("{answer}").exists():
        time.sleep(0.01)
    works(*arguments)

{owner}.{method} = hang
"""


@pytest.fixture
def run_hanging(tmp_path, in_workers, told):
    """Runs a source whose first call of a method waits for the disk until that is told."""

    def run(module, owner, method, source, *settings):
        answer = tmp_path / "answer"
        hanging = {"module": module, "owner": owner, "method": method, "answer": answer}
        in_workers(HANGING.format(**hanging))

        def listen(victim):
            victim.wait(lambda: victim.notices)
            answer.touch()
            victim.over.wait(60)
            told.extend(victim.notices)

        return run_with([source], tmp_path / "out", [*settings, "sink.overlay=false"], listen)

    return run


class Spoken:
    latest, is_busy = 1.0, False


@pytest.fixture
def spoken():
    return Spoken()


@pytest.fixture
def told():
    return []


@pytest.fixture
def watch(spoken, told):
    return DiskWatch(spoken, told.append, "no stream is written")


def look(watch, times):
    for _ in range(times):
        watch.check()


def test_a_folder_that_is_waited_for_is_told_once_with_its_end(watch, told):
    with watch.at(Path("/mnt/north")):
        look(watch, 5)
        assert not told
        look(watch, 60)
        assert told == [
            "/mnt/north: its file system does not answer, and no stream is written until it does; "
            "check the disk or mount"
        ]
    look(watch, 5)
    assert told[1:] == ["/mnt/north: its file system responds again"]


def test_a_loop_that_idles_or_goes_on_does_not_wait(watch, told):
    look(watch, 20)
    for _ in range(20):
        with watch.at(Path("/mnt/north")):
            watch.check()
    assert not told


def test_who_was_busy_has_waited_only_since(watch, told, spoken):
    with watch.at(Path("/mnt/north")):
        look(watch, 4)
        spoken.is_busy = True
        look(watch, 1)
        spoken.is_busy = False
        look(watch, 4)
        assert not told
        look(watch, 1)
        assert len(told) == 1


def test_who_reports_meanwhile_or_is_busy_does_not_wait(watch, told, spoken):
    with watch.at(Path("/mnt/north")):
        for _ in range(20):
            spoken.latest += 1
            watch.check()
        spoken.is_busy = True
        look(watch, 20)
        assert not told
        spoken.is_busy = False
        look(watch, 6)
        assert len(told) == 1
        spoken.is_busy = True  # a report now would end that
    look(watch, 20)
    assert len(told) == 1


def test_a_run_names_the_folder_in_which_a_write_hangs(run_hanging, told, tmp_path):
    clip = make_clip(tmp_path, 20)
    journal = ("stages.sink.journal", "Journal", "append")
    result = run_hanging(*journal, str(clip), detections_setting(clip, delay_ms=8))
    assert result.exit_code == 0
    folder = tmp_path / "out" / clip.stem
    assert told[0].startswith(f"{folder}: its file system does not answer")
    assert told[1] == f"{folder}: its file system responds again"


def test_a_recording_that_hangs_is_told_of_its_stream(run_hanging, told, one_detection, tmp_path):
    write_stream(tmp_path / "camera.ts", 50)

    def send():
        client, _ = listener.accept()
        with client:
            client.sendall((tmp_path / "camera.ts").read_bytes())

    recorder = ("stages.decoder.recorder", "Recorder", "_mux")
    settings = [one_detection, f"decoder.record={tmp_path / 'kept'}", "decoder.reconnect=false"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, daemon=True).start()
        run_hanging(*recorder, f"tcp://127.0.0.1:{listener.getsockname()[1]}", *settings)
    (folder,) = (tmp_path / "kept").iterdir()
    assert told[0].startswith(f"{folder}: its file system does not answer, and the stream waits")
