"""Streams are added and removed while the pipeline runs; malformed messages do no harm."""

import contextlib
import fcntl
import os
import subprocess
from pathlib import Path

import pytest
import zmq

from pipeline.supervision.commands import (
    AddStream,
    RunEndedError,
    add_stream,
    describe,
    find_run,
    remove_stream,
)
from pipeline.supervision.runtime_folder import RunInfo, RuntimeFolder
from stages.errors import ConfigError, SpotStreamError
from stages.result_files import read_report
from tests.waiting import wait_for
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import SPOTSTREAM, run_with


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "material", 250)


def test_missing_source_is_reported_without_asking_the_pipeline(tmp_path):
    with pytest.raises(ConfigError, match="no such source"):
        add_stream(RunInfo(1, "out", tmp_path), "nowhere.mp4")


def test_relative_source_is_sent_as_an_absolute_path(tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "pipeline.supervision.commands._send", lambda run, command, kind: sent.append(command)
    )
    (tmp_path / "clip.mp4").touch()
    monkeypatch.chdir(tmp_path)
    add_stream(RunInfo(1, "out", tmp_path), Path("clip.mp4"), "north")
    assert sent == [AddStream(str(tmp_path / "clip.mp4"), "north")]


def test_command_to_an_ended_pipeline_fails_at_once(tmp_path):
    with pytest.raises(RunEndedError, match="the pipeline with process id 7 has ended"):
        describe(RunInfo(7, "out", tmp_path / "spotstream-removed"))
    (tmp_path / "lock").touch()  # left behind by a run that was killed
    with pytest.raises(RunEndedError):
        remove_stream(RunInfo(7, "out", tmp_path), "north")


def test_command_to_an_unresponsive_pipeline_times_out(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.supervision.commands._ANSWER_MS", 300)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SpotStreamError, match="process id 7 does not answer"):
            describe(RunInfo(7, "out", tmp_path))


@pytest.fixture
def pipeline(request, clip, tmp_path, temporary):
    """A pipeline that waits for streams; the fixture's parameter is a command prefix."""
    temporary(tmp_path)
    prefix = getattr(request, "param", ())
    settings = ("decoder.pace=original", detections_setting(clip))
    options = [option for setting in settings for option in ("--set", setting)]
    process = subprocess.Popen(
        [*prefix, *SPOTSTREAM, "run", "--stay", "--output", str(tmp_path / "out"), *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_streams_are_added_shown_and_removed(pipeline, clip, tmp_path):
    run = wait_for(lambda: find_run(pipeline.pid))
    assert run.output == str(tmp_path / "out")
    add_stream(run, str(clip), "north")
    add_stream(run, str(clip), "south")

    def both_run():
        views = {view.name: view for view in describe(run).streams}
        return views if all(view.fps > 0 for view in views.values()) and len(views) == 2 else None

    views = wait_for(both_run)
    assert views["north"].state == "running"
    assert 10 < views["north"].fps < 40
    assert len(views["north"].latency_ms) == 3
    for location, name, message in (
        (str(clip), "north", "a stream north is running already"),
        ("nowhere.mp4", "", "no such source"),
        ("rtsp://", "", "rtsp:// names no host"),
        ("x" * 300, "", "cannot read .*x: File name too long"),
    ):
        with pytest.raises(ConfigError, match=message):
            add_stream(run, location, name)
    with pytest.raises(ConfigError, match="no stream east; there are north, south"):
        remove_stream(run, "east")

    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 1000
        socket.connect(f"ipc://{run.folder}/commands")
        for part in (b"", b"\x81", os.urandom(100), b"\x91" * 5000):
            socket.send_multipart([b"", part])
            assert b"refused" in socket.recv_multipart()[-1]

    remove_stream(run, "north")
    wait_for(lambda: [view.name for view in describe(run).streams] == ["south"])
    report = read_report(tmp_path / "out" / "north")
    assert report["status"] == "interrupted"
    assert report["frames"]["missing"] == 0
    add_stream(run, str(clip), "north")
    views = wait_for(both_run)
    assert views["north"].state == "running"
    pipeline.terminate()
    assert pipeline.wait(100) == 130
    for folder in ("north", "north-earlier"):
        report = read_report(tmp_path / "out" / folder)
        assert report["status"] == "interrupted"
        assert report["frames"]["missing"] == 0
    assert (tmp_path / "out" / "south" / "overlay.mp4").exists()
    mine = rf"no pipeline of user \S+ with TMPDIR={tmp_path} is running"
    with pytest.raises(ConfigError, match=mine):
        find_run()
    with pytest.raises(ConfigError, match=rf"{mine} as process {os.getpid()}; commands must come"):
        find_run(os.getpid())


def test_process_of_another_user_is_reported(temporary, tmp_path):
    temporary(tmp_path)
    other = subprocess.Popen(["sleep", "60"], user=65534 if os.getuid() == 0 else None)
    try:
        pid, user = (other.pid, "nobody") if os.getuid() == 0 else (1, "root")
        with pytest.raises(ConfigError, match=f"process {pid} belongs to {user}, who alone"):
            find_run(pid)
    finally:
        other.kill()
        other.wait()


def test_memory_of_an_ended_stream_is_released(pipeline, clip):
    run = wait_for(lambda: find_run(pipeline.pid))

    def mapped():
        """Returns the processes that have a ring, logbook or journal of a stream open."""
        found = set()
        for process in describe(run).processes:
            for kind in ("fd", "map_files"):
                for file in Path(f"/proc/{process.pid}/{kind}").iterdir():
                    with contextlib.suppress(FileNotFoundError):
                        target = str(file.readlink())
                        if "memfd:spotstream" in target or ".journal" in target:
                            found.add(process.name)
        return found

    add_stream(run, str(clip), "north")
    wait_for(lambda: {"detector", "tracker", "sink"} <= mapped())
    remove_stream(run, "north")
    wait_for(lambda: describe(run).streams == [])
    wait_for(lambda: not mapped())


def test_failed_stream_is_listed_until_it_is_removed_or_added_again(pipeline, clip, tmp_path):
    run = wait_for(lambda: find_run(pipeline.pid))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    add_stream(run, str(broken), "north")

    def failed():
        [view] = describe(run).streams
        return view if view.state == "failed" else None

    view = wait_for(failed)
    assert view.source == str(broken)
    assert "broken.mp4" in view.error
    remove_stream(run, "north")
    assert describe(run).streams == []
    with pytest.raises(ConfigError, match="no stream north"):
        remove_stream(run, "north")

    add_stream(run, str(broken), "south")
    wait_for(failed)
    add_stream(run, str(clip), "south")
    wait_for(lambda: [view.state for view in describe(run).streams] == ["running"])
    assert describe(run).streams[0].error == ""


def test_failure_is_cleared_when_the_stream_is_added_again(clip, tmp_path, temporary):
    temporary(tmp_path)
    broken = tmp_path / "north.mp4"
    broken.write_bytes(b"no video")
    failures = []

    def add_again(victim):
        victim.wait(lambda: "north" in victim.supervisor.result.failed)
        failures.extend(victim.supervisor.result.failed)
        add_stream(find_run(os.getpid()), str(clip), "north")
        victim.wait(lambda: victim.frames() > 0)
        victim.supervisor.stop()

    settings = ["decoder.pace=original", detections_setting(clip)]
    result = run_with([str(broken), str(clip)], tmp_path / "out", settings, add_again)
    assert failures == ["north"]
    assert result.failed == {}


@pytest.mark.parametrize(
    "pipeline", [("sh", "-c", 'ulimit -n 70; exec "$@"', "sh")], ids=["of 70 files"], indirect=True
)
def test_stream_without_file_descriptors_fails_alone(pipeline, clip):
    run = wait_for(lambda: find_run(pipeline.pid))

    def states():
        return {view.name: view.state for view in describe(run).streams}

    for name in ("north", "south", "east"):
        add_stream(run, str(clip), name)
    expected = {"north": "running", "south": "running", "east": "failed"}
    wait_for(lambda: states() == expected)
    (reason,) = (view.error for view in describe(run).streams if view.error)
    assert reason == (
        "there is no room for another stream: the limit of 70 open files is enough for 2 streams; "
        "raise it with ulimit -n"
    )
    remove_stream(run, "south")
    wait_for(lambda: "south" not in states())
    add_stream(run, str(clip), "east")
    wait_for(lambda: states() == {"north": "running", "east": "running"})
    pipeline.terminate()
    assert pipeline.wait(100) == 130


def test_next_run_removes_the_folder_of_a_killed_run(pipeline):
    run = wait_for(lambda: find_run(pipeline.pid))
    wait_for(lambda: describe(run).processes)
    pipeline.kill()
    pipeline.wait()
    assert run.folder.exists()
    folder = RuntimeFolder("out")
    assert not run.folder.exists()
    folder.close()


@pytest.mark.parametrize(("pids", "advice"), [((7, 8), ""), ((1, 1), "its own TMPDIR")])
def test_ambiguous_pipelines_are_listed_with_how_to_choose(monkeypatch, pids, advice):
    runs = [RunInfo(pid, f"out{n}", Path()) for n, pid in enumerate(pids)]
    monkeypatch.setattr("pipeline.supervision.commands.running", lambda: runs)
    with pytest.raises(ConfigError, match=f"2 pipelines are running: --pid {pids[0]}") as error:
        find_run()
    assert str(error.value).endswith(advice or "--pid 8 writes to out1")
