import fcntl
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import zmq

from pipeline.addresses import endpoint
from pipeline.config import RuntimeConfig
from pipeline.supervision.runtime_folder import (
    RuntimeFolder,
    is_locked,
    running,
    unusable_temporary_folder,
    writer_of,
)
from stages.errors import ConfigError


def _start_and_end(times):
    lost = 0
    for _ in range(times):
        folder = RuntimeFolder("out")
        lost += not Path(folder.path).exists()
        folder.close()
    return lost


def test_simultaneous_runs_leave_each_others_folders_alone(temporary, tmp_path):
    temporary(tmp_path)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_start_and_end, [400] * 4, chunksize=1) == [0] * 4
    assert list(tmp_path.iterdir()) == []


def test_folder_is_locked_against_cleanup_during_a_run(temporary, tmp_path):
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    descriptor = os.open(folder.path, os.O_RDONLY)
    for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):  # systemd-tmpfiles skips what it cannot lock
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    folder.close()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_removed_stream_leaves_no_files(temporary, tmp_path):
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    before = list(Path(folder.path).iterdir())
    folder.add_stream(7, "cam", entries=4, lossless=False)
    with zmq.Context() as context, context.socket(zmq.PULL) as decoder:
        decoder.bind(endpoint(folder.path, RuntimeConfig(), "ack-7"))
    assert len(list(Path(folder.path).iterdir())) == len(before) + 3
    folder.remove_stream(7)
    assert list(Path(folder.path).iterdir()) == before
    folder.close()


def test_files_are_closed_when_a_stream_or_the_run_ends(temporary, tmp_path):
    def open_files():
        """Returns how many files of the folder, and memory files of its streams, are open."""
        links = [file for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
        targets = [str(link.readlink()) for link in links]
        return sum(str(tmp_path) in each or "spotstream-of-this-test" in each for each in targets)

    temporary(tmp_path)
    folder = RuntimeFolder("out")
    assert open_files() == 2  # itself and its lock
    for channel in (7, 8):
        folder.add_stream(channel, "of-this-test", entries=4, lossless=False)
    assert open_files() == 6
    folder.remove_stream(7)
    assert open_files() == 4
    folder.close()
    assert open_files() == 0


def test_logbook_link_is_removed_before_the_ring_link(temporary, tmp_path, monkeypatch):
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    folder.add_stream(7, "cam", entries=4, lossless=False)
    unlink, found = Path.unlink, []

    def look_after(path, missing_ok=False):
        unlink(path, missing_ok=missing_ok)
        found.append([Path(folder.path, f"{kind}-7").is_symlink() for kind in ("ring", "logbook")])

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", look_after)
        folder.remove_stream(7)
    assert [False, True] not in found
    assert [False, False] in found
    folder.close()


def test_active_run_is_found(temporary, tmp_path):
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    (run,) = running()
    assert (run.pid, run.output, run.folder) == (os.getpid(), "out", Path(folder.path))
    folder.close()
    assert running() == []


def test_next_run_removes_the_folder_of_a_killed_run(temporary, tmp_path):
    temporary(tmp_path)
    for name in ("spotstream-killed", "spotstream-of-others"):
        (tmp_path / name).mkdir()
    (tmp_path / "spotstream-killed" / "lock").write_text('{"pid": 7, "output": "out"}')
    active = RuntimeFolder("out")
    RuntimeFolder("other").close()
    assert {path.name for path in tmp_path.iterdir()} == {
        "spotstream-of-others",
        Path(active.path).name,
    }
    active.close()


def test_folder_that_cannot_be_checked_counts_as_locked(tmp_path, descriptors_left):
    (tmp_path / "lock").touch()
    assert not is_locked(tmp_path)
    descriptors_left(0)
    assert is_locked(tmp_path)


def test_writer_of_a_folder_is_found_among_active_runs(temporary, tmp_path):
    temporary(tmp_path)
    for name in ("out", "other"):
        (tmp_path / name).mkdir()
    folder = RuntimeFolder(str(tmp_path / "out"))
    assert writer_of(tmp_path / "out") == f"process {os.getpid()}"
    assert writer_of(tmp_path / "other") == "another process"
    folder.close()
    assert writer_of(tmp_path / "out") == "another process"


def test_runs_of_other_users_are_not_listed(temporary, tmp_path, monkeypatch):
    temporary(tmp_path)
    theirs = RuntimeFolder("out")
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 4711)
        assert running() == []
    theirs.close()


def test_concurrent_checks_do_not_list_a_killed_run(temporary, tmp_path, monkeypatch):
    temporary(tmp_path)
    (tmp_path / "spotstream-killed").mkdir()
    (tmp_path / "spotstream-killed" / "lock").write_text('{"pid": 7, "output": "out"}')
    lock, found = fcntl.flock, []

    def look_meanwhile(descriptor, kind):
        lock(descriptor, kind)
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", lock)
            found.append(running())

    monkeypatch.setattr(fcntl, "flock", look_meanwhile)
    assert running() == []
    assert found == [[]]


def test_run_keeps_its_folder_when_its_user_logs_out(monkeypatch, tmp_path, temporary):
    session = tmp_path / "session"
    session.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    temporary(tmp_path)
    folder = RuntimeFolder("out")
    shutil.rmtree(session)  # as systemd-logind does
    monkeypatch.delenv("XDG_RUNTIME_DIR")  # as for a service, or for cron
    assert len(running()) == 1
    folder.close()


def test_folder_that_cannot_be_made_is_reported_with_advice(tmp_path, temporary):
    temporary(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"nowhere: no such file.*set TMPDIR"):
        RuntimeFolder("out")
    long = tmp_path / ("n" * 100)
    long.mkdir()
    temporary(long)
    with pytest.raises(ConfigError, match=r"too long a name .* set TMPDIR"):
        RuntimeFolder("out")
    assert list(long.iterdir()) == []


def test_the_longest_folder_has_room_for_the_longest_socket(temporary, tmp_path_factory):
    runtime = tmp_path_factory.mktemp("runtime")
    left = zmq.IPC_PATH_MAX_LEN - len(f"{runtime}//spotstream-12345678/ack-99999999")
    longest = runtime / ("é" * (left // 2) + "e" * (left % 2))  # each é has two bytes
    longer = longest.with_name(f"{longest.name}e")
    for folder in (longest, longer):
        folder.mkdir()
    temporary(longest)
    folder = RuntimeFolder("out")
    with zmq.Context() as context, context.socket(zmq.PULL) as decoder:
        decoder.bind(endpoint(folder.path, RuntimeConfig(), "ack-99999999"))
    folder.close()
    temporary(longer)
    with pytest.raises(ConfigError, match="too long a name"):
        RuntimeFolder("out")


def test_names_that_are_not_utf_8_are_reported_with_advice(tmp_path, temporary):
    foreign = tmp_path / os.fsdecode(b"caf\xe9")
    foreign.mkdir()
    with pytest.raises(ConfigError, match=r"caf\\xe9/out is not UTF-8; .* another --output"):
        RuntimeFolder(str(foreign / "out"))
    temporary(foreign)
    with pytest.raises(ConfigError, match=r"caf\\xe9 is not UTF-8; .* set TMPDIR to"):
        RuntimeFolder("out")
    assert list(foreign.iterdir()) == []


def test_setup_failure_is_reported_in_one_line(tmp_path):
    long = tmp_path / ("n" * 100)
    long.mkdir()
    environment = {**os.environ, "TMPDIR": str(long)}
    done = subprocess.run(
        [sys.executable, "-m", "tools.main", "run", "--stay", "--output", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == ConfigError.exit_code
    assert len(done.stderr.splitlines()) == 1
    assert "set TMPDIR" in done.stderr
    assert list(long.iterdir()) == []


def test_unusable_tmpdir_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)  # so that it is chosen again
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert unusable_temporary_folder() == ""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    assert unusable_temporary_folder() == (
        f"TMPDIR={tmp_path}/nowhere is not a folder that can be written to; "
        f"{tempfile.gettempdir()} is used instead"
    )
    monkeypatch.delenv("TMPDIR")
    assert unusable_temporary_folder() == ""
