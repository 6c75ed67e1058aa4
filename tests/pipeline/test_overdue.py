"""A run that is asked to end and has a stage that does not end."""

import os
import signal
import socket
import subprocess
import threading
from functools import partial

import av
import pytest

import pipeline.supervision.supervisor
from pipeline.reports import Completing, Done
from pipeline.supervision.commands import add_stream, describe, find_run, remove_stream
from pipeline.supervision.monitor import RunMonitor
from pipeline.transport.logbook import Logbook, SharedNumber
from stages.errors import ConfigError
from stages.result_files import read_report
from tests.stages.decoder.streams import write_stream
from tools.harness.material import detections_setting
from tools.harness.runner import SPOTSTREAM, Victim, run_with


@pytest.fixture
def stuck_run(clip, tmp_path, monkeypatch):
    """Runs until 20 frames are written, halts the detector, calls ``harm``, ends the run."""
    monkeypatch.setattr(pipeline.supervision.supervisor, "_DRAIN_SECONDS", 0.5)
    notices: list[list[str]] = []

    def run(interrupts=1, harm=lambda: None):
        def stick(victim):
            victim.wait(lambda: victim.frames() >= 20)
            os.kill(victim.supervisor.processes()["detector"], signal.SIGSTOP)
            harm()
            for _ in range(interrupts):
                victim.supervisor.stop()
            victim.over.wait(60)
            notices.append(victim.notices)

        slow = [detections_setting(clip, delay_ms=8)]
        result = run_with([str(clip)], tmp_path, slow, stick)
        return result, notices[0]

    return run


def test_results_of_an_overdue_run_are_completed_in_place(stuck_run, tmp_path):
    result, notices = stuck_run()
    assert result.exit_code == 130
    late = "not ended 0.5 s after the run was asked to end"
    assert notices == [f"{late}; completing its results in place"]
    report = read_report(tmp_path / "clip")
    assert (report["status"], report["message"]) == ("truncated", late)
    assert report["frames"]["out"] == result.finished["clip"].frames >= 20
    files = {path.name for path in (tmp_path / "clip").iterdir()}
    assert files == {"mot.txt", "detections.txt", "times.txt", "overlay.mp4", "run.json"}


def test_part_files_stay_if_results_cannot_be_completed(stuck_run, tmp_path):
    rows = tmp_path / "clip" / ".mot.txt.part"

    def spoil():
        rows.unlink()
        rows.mkdir()  # a sink that takes over cannot write there

    result, notices = stuck_run(harm=spoil)
    assert result.exit_code == 4
    assert "part files stay: cannot write" in notices[-1]
    assert (tmp_path / "clip" / ".overlay.mp4.1.part").stat().st_size


SLOW_VIDEOS = """
import time
from pathlib import Path
from stages import atomic

sync = atomic.sync

def slow_sync(path):
    while path.name == ".overlay.mp4.part" and not Path("{answer}").exists():
        Path("{answer}.awaited").touch()
        time.sleep(0.01)
    sync(path)

atomic.sync = slow_sync
"""


def test_video_that_is_being_completed_is_waited_for(clip, tmp_path, monkeypatch, in_workers):
    answer = tmp_path / "answer"
    in_workers(SLOW_VIDEOS.format(answer=answer))
    seen, take = [], Victim.take
    completes = threading.Event()

    def listen(victim, report):
        take(victim, report)
        if isinstance(report, Completing):
            monkeypatch.setattr(pipeline.supervision.supervisor, "_DRAIN_SECONDS", 0.0)
            completes.set()

    monkeypatch.setattr(Victim, "take", listen)

    def stop(victim):
        victim.wait(lambda: victim.frames() >= 20)
        victim.supervisor.stop()
        victim.wait(completes.is_set)
        seen.append(victim.over.wait(1))
        answer.touch()
        victim.over.wait(60)
        seen.extend(victim.notices)

    slow = [detections_setting(clip, delay_ms=8)]
    result = run_with([str(clip)], tmp_path / "out", slow, stop)
    assert (result.exit_code, seen) == (130, [False])
    assert result.finished["clip"].status == "interrupted"
    assert (tmp_path / "out" / "clip" / "overlay.mp4").exists()


def test_commands_are_answered_while_results_are_completed(clip, tmp_path, monkeypatch, in_workers):
    monkeypatch.setattr(pipeline.supervision.supervisor, "_DRAIN_SECONDS", 0.5)
    answer, awaited = tmp_path / "answer", tmp_path / "answer.awaited"
    in_workers(SLOW_VIDEOS.format(answer=answer))
    take, beat, done, beats, answers = Victim.take, RunMonitor.beat, [], [], []

    def listen(victim, report):
        take(victim, report)
        if isinstance(report, Done):
            done.append(report)

    def count(monitor):
        beat(monitor)
        beats.append(monitor)

    monkeypatch.setattr(Victim, "take", listen)
    monkeypatch.setattr(RunMonitor, "beat", count)

    def stick(victim):
        victim.wait(lambda: victim.frames() >= 20)
        os.kill(victim.supervisor.processes()["detector"], signal.SIGSTOP)
        victim.supervisor.stop()
        victim.wait(awaited.exists)
        run, before = find_run(os.getpid()), len(beats)
        try:
            answers.extend(stream.name for stream in describe(run).streams)
            for command in (partial(add_stream, run, clip), partial(remove_stream, run, "clip")):
                with pytest.raises(ConfigError) as refused:
                    command()
                answers.append(str(refused.value))
            answers.append(victim.wait(lambda: len(beats) > before + 3))
        finally:
            answer.touch()

    slow = [detections_setting(clip, delay_ms=8)]
    result = run_with([str(clip)], tmp_path / "out", slow, stick)
    refusal = "the pipeline is about to end"
    assert (result.exit_code, answers) == (130, ["clip", refusal, refusal, True])
    assert [(report.stream, report.message) for report in done] == [("clip", "")]
    assert done[0].summary == result.finished["clip"]


def test_second_stop_request_leaves_completable_part_files(stuck_run, tmp_path):
    result, notices = stuck_run(interrupts=2)
    assert (result.exit_code, result.finished) == (130, {})
    completes = f"`spotstream complete {tmp_path}` completes them"
    assert notices == [f"ended at once, part files stay: {completes}"]
    assert (tmp_path / "clip" / ".overlay.mp4.1.part").stat().st_size
    command = [*SPOTSTREAM, "complete", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    report = read_report(tmp_path / "clip")
    assert report["status"] == "truncated"
    assert report["frames"]["out"] >= 20
    assert not list((tmp_path / "clip").glob(".*"))


def test_pipe_without_data_does_not_delay_the_end(one_detection, tmp_path):
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    in_time = []

    def stop(victim):
        with pipe.open("wb"):  # as soon as the decoder has opened it
            victim.supervisor.stop()
            in_time.append(victim.over.wait(40))

    settings = [one_detection, "sink.overlay=false"]
    result = run_with([str(pipe)], tmp_path, settings, stop)
    assert (in_time, result.exit_code, result.failed) == ([True], 130, {})
    assert result.finished["pipe"].status == "interrupted"


def test_silent_servers_do_not_delay_the_end(one_detection, tmp_path):
    write_stream(tmp_path / "camera.ts", 50)
    record, in_time = tmp_path / "record", []

    def send(listener, data):
        client, _ = listener.accept()
        client.sendall(data)
        connections.append(client)

    def stop(victim):
        in_time.append(victim.wait(lambda: victim.frames() >= 1 and len(connections) == 3))
        logbook = Logbook(f"{victim.folder}/logbook-0")
        # Some of them are dropped if the machine is slow.
        in_time.append(victim.wait(lambda: logbook[SharedNumber.SEQUENCE] >= 30))
        victim.supervisor.stop()
        in_time.append(victim.over.wait(60))

    settings = [
        one_detection,
        f"decoder.record={record}",
        "decoder.timeout=100",
        "sink.overlay=false",
    ]
    connections = []
    with (
        socket.create_server(("127.0.0.1", 0)) as stalls,
        socket.create_server(("127.0.0.1", 0)) as silent,
        socket.create_server(("127.0.0.1", 0)) as web,
    ):
        for listener in (stalls, silent, web):
            data = (tmp_path / "camera.ts").read_bytes() if listener is stalls else b""
            threading.Thread(target=send, args=(listener, data), daemon=True).start()
        ports = [listener.getsockname()[1] for listener in (stalls, silent, web)]
        sources = [f"tcp://127.0.0.1:{port}" for port in ports[:2]]
        sources.append(f"http://127.0.0.1:{ports[2]}/clip.mp4")
        result = run_with(sources, tmp_path, settings, stop)
        for client in connections:
            client.close()
    assert in_time == [True] * 3
    assert (result.exit_code, result.failed) == (130, {})
    assert [summary.status for summary in result.finished.values()] == ["interrupted"] * 3
    (segment,) = record.rglob("*.mkv")
    with av.open(str(segment)) as video:
        assert video.duration > 1e6  # which is written when a file is closed
