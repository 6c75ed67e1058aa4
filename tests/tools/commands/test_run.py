import contextlib
import os
import signal
import subprocess
import time

import pytest

from pipeline.supervision.commands import describe, find_run
from tests.tools.processes import spotstream
from tests.waiting import wait_for
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_command


class UnreadTerminal:
    """A terminal whose buffer is full, like that of a frozen connection.

    Attributes:
        inner: Its file descriptor for programs.
    """

    def __init__(self):
        self.outer, self.inner = os.openpty()
        writer = os.open(os.ttyname(self.inner), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        taken = 1
        while taken:  # the kernel moves what it has taken, which frees room again
            taken = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    taken += os.write(writer, b"x")
            time.sleep(0.1)
        os.close(writer)


@pytest.fixture
def unread_terminal():
    terminal = UnreadTerminal()
    yield terminal
    os.close(terminal.outer)
    os.close(terminal.inner)


@contextlib.contextmanager
def run_in(terminal, *options):
    """Starts a run whose standard streams are all this terminal."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.inner)
    with subprocess.Popen(options, **streams, start_new_session=True) as run:
        try:
            yield run
        finally:
            run.kill()


def test_sources_come_from_the_command_line_and_from_a_file(tmp_path):
    clip = make_clip(tmp_path, 5)
    (tmp_path / "sources.txt").write_text(f"# two more\nnorth={clip.name}\nsouth={clip.name}\n")
    done = spotstream(
        *("run", clip.name, "--source", f"east={clip}", "--sources", "sources.txt"),
        *("--output", "out", "--set", detections_setting(clip), "--set", "sink.overlay=false"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    names = {folder.name for folder in (tmp_path / "out").iterdir() if folder.is_dir()}
    assert names == {"clip", "east", "north", "south"}


@pytest.mark.parametrize("log", [[], ["--json-log"]])
def test_a_run_in_an_unread_terminal_continues_and_can_be_stopped(tmp_path, unread_terminal, log):
    clip = make_clip(tmp_path, 3000)
    paced = (detections_setting(clip), "decoder.pace=original")
    command = run_command(clip, tmp_path / "out", *paced, "sink.overlay=false")

    def tracker():
        found = {each.name: each for each in describe(find_run(run.pid)).processes}
        return found["tracker"] if found["tracker"].state == "ready" else None

    with run_in(unread_terminal, *command, *log) as run:
        killed = wait_for(tracker).pid
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: (now := tracker()) and now.pid != killed)
        run.send_signal(signal.SIGINT)
        assert run.wait(100) == 130


def test_a_run_in_an_unread_terminal_ends_by_itself(tmp_path, unread_terminal):
    clip = make_clip(tmp_path, 5)
    given = (detections_setting(clip), "sink.overlay=false")
    with run_in(unread_terminal, *run_command(clip, tmp_path / "out", *given)) as run:
        assert run.wait(100) == 0
    assert (tmp_path / "out" / "clip" / "run.json").exists()


def test_an_error_in_an_unread_terminal_still_ends_the_command(tmp_path, unread_terminal):
    command = run_command(tmp_path / "nowhere.mp4", tmp_path / "out")
    with run_in(unread_terminal, *command) as run:
        assert run.wait(100) == 3
