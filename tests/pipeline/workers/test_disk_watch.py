"""Reports of a file system that does not respond."""

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
def run_hanging(tmp_path, in_workers, notices):
    """Runs a source; the first call of a method hangs until the run has reported it."""

    def run(module, owner, method, source, *settings):
        answer = tmp_path / "answer"
        hanging = {"module": module, "owner": owner, "method": method, "answer": answer}
        in_workers(HANGING.format(**hanging))

        def listen(victim):
            victim.wait(lambda: victim.notices)
            answer.touch()
            victim.over.wait(60)
            notices.extend(victim.notices)

        return run_with([source], tmp_path / "out", [*settings, "sink.overlay=false"], listen)

    return run


class StageReporter:
    latest, is_busy = 1.0, False


@pytest.fixture
def reporter():
    return StageReporter()


@pytest.fixture
def notices():
    return []


@pytest.fixture
def watch(reporter, notices):
    return DiskWatch(reporter, notices.append, "no stream is written")


def check(watch, times):
    for _ in range(times):
        watch.check()


def test_a_hanging_folder_is_reported_once_and_so_is_its_recovery(watch, notices):
    with watch.at(Path("/mnt/north")):
        check(watch, 5)
        assert not notices
        check(watch, 60)
        assert notices == [
            "/mnt/north: its file system does not answer, and no stream is written until it does; "
            "check the disk or mount"
        ]
    check(watch, 5)
    assert notices[1:] == ["/mnt/north: its file system responds again"]


def test_an_idle_or_progressing_loop_is_not_reported(watch, notices):
    check(watch, 20)
    for _ in range(20):
        with watch.at(Path("/mnt/north")):
            watch.check()
    assert not notices


def test_the_wait_is_counted_from_the_end_of_a_busy_period(watch, notices, reporter):
    with watch.at(Path("/mnt/north")):
        check(watch, 4)
        reporter.is_busy = True
        check(watch, 1)
        reporter.is_busy = False
        check(watch, 4)
        assert not notices
        check(watch, 1)
        assert len(notices) == 1


def test_a_stage_that_reports_or_is_busy_is_not_waiting(watch, notices, reporter):
    with watch.at(Path("/mnt/north")):
        for _ in range(20):
            reporter.latest += 1
            watch.check()
        reporter.is_busy = True
        check(watch, 20)
        assert not notices
        reporter.is_busy = False
        check(watch, 6)
        assert len(notices) == 1
        reporter.is_busy = True  # a report now would end that
    check(watch, 20)
    assert len(notices) == 1


def test_a_run_names_the_folder_in_which_a_write_hangs(run_hanging, notices, tmp_path):
    clip = make_clip(tmp_path, 20)
    journal = ("stages.sink.journal", "Journal", "append")
    result = run_hanging(*journal, str(clip), detections_setting(clip, delay_ms=8))
    assert result.exit_code == 0
    folder = tmp_path / "out" / clip.stem
    assert notices[0].startswith(f"{folder}: its file system does not answer")
    assert notices[1] == f"{folder}: its file system responds again"


def test_a_hanging_recording_is_reported_for_its_stream(
    run_hanging, notices, one_detection, tmp_path
):
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
    assert notices[0].startswith(f"{folder}: its file system does not answer, and the stream waits")
