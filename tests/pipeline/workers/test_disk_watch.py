"""What is said of a file system that does not answer."""

import socket
import threading
from pathlib import Path

import pytest

from pipeline.workers.disk_watch import DiskWatch
from tests.stages.decoder.streams import write_stream
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

HANGING_WRITE = """
import time
from pathlib import Path
from pipeline.workers import disk_watch
from stages.sink.journal import Journal

disk_watch._LOOK_SECONDS = 0.1
append = Journal.append

def hang(self, entry):
    Journal.append = append
    while not Path("{answer}").exists():
        time.sleep(0.01)
    append(self, entry)

Journal.append = hang
"""


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
        watch.look()


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
    assert told[1:] == ["/mnt/north: its file system answers again"]


def test_a_loop_that_idles_or_goes_on_does_not_wait(watch, told):
    look(watch, 20)
    for _ in range(20):
        with watch.at(Path("/mnt/north")):
            watch.look()
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
            watch.look()
        spoken.is_busy = True
        look(watch, 20)
        assert not told
        spoken.is_busy = False
        look(watch, 6)
        assert len(told) == 1
        spoken.is_busy = True  # a report now would end that
    look(watch, 20)
    assert len(told) == 1


def test_a_run_names_the_folder_in_which_a_write_hangs(tmp_path, in_workers):
    clip = make_clip(tmp_path, 20)
    answer = tmp_path / "answer"
    in_workers(HANGING_WRITE.format(answer=answer))
    said = []

    def listen(victim):
        victim.wait(lambda: victim.notices)
        answer.touch()
        victim.over.wait(60)
        said.extend(victim.notices)

    settings = [detections_setting(clip, delay_ms=8), "sink.overlay=false"]
    result = run_with([str(clip)], tmp_path / "out", settings, listen)
    assert result.exit_code == 0
    folder = tmp_path / "out" / clip.stem
    assert said[0].startswith(f"{folder}: its file system does not answer")
    assert said[1] == f"{folder}: its file system answers again"


HANGING_RECORDING = """
import time
from pathlib import Path
from pipeline.workers import disk_watch
from stages.decoder.recorder import Recorder

disk_watch._LOOK_SECONDS = 0.1
mux = Recorder._mux

def hang(self, packet, pts, dts):
    Recorder._mux = mux
    while not Path("{answer}").exists():
        time.sleep(0.01)
    mux(self, packet, pts, dts)

Recorder._mux = hang
"""


def test_a_recording_that_hangs_is_told_of_its_stream(one_detection, tmp_path, in_workers):
    write_stream(tmp_path / "camera.ts", 50)
    answer = tmp_path / "answer"
    in_workers(HANGING_RECORDING.format(answer=answer))
    said = []

    def send():
        client, _ = listener.accept()
        with client:
            client.sendall((tmp_path / "camera.ts").read_bytes())

    def listen(victim):
        victim.wait(lambda: victim.notices)
        answer.touch()
        victim.over.wait(60)
        said.extend(victim.notices)

    settings = [
        one_detection,
        f"decoder.record={tmp_path / 'kept'}",
        "decoder.reconnect=false",
        "sink.overlay=false",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, daemon=True).start()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        run_with([url], tmp_path / "out", settings, listen)
    (folder,) = (tmp_path / "kept").iterdir()
    assert said[0].startswith(f"{folder}: its file system does not answer, and the stream waits")
