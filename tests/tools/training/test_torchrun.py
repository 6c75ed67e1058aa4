"""What ``torchrun`` reports of a failed process, and how processes end if it is killed."""

import signal
import subprocess
import sys

import pytest
from torch import distributed
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from pipeline.signals import stop_signals
from stages.errors import OutputError
from tests.tools.processes import ROOT
from tests.tools.training.runs import in_two_processes
from tools.training.processes import training_processes
from tools.training.torchrun import OtherProcessEndedError, bound_to_torchrun, is_first


@pytest.fixture
def error_file(tmp_path, monkeypatch):
    """The file in which ``torchrun`` expects this process's error; restores signal handlers."""
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "0" / "error.json"))
    before = {number: signal.getsignal(number) for number in stop_signals()}
    yield tmp_path / "0" / "error.json"
    for number, handler in before.items():
        signal.signal(number, handler)


def failure_of(file, rank=0, exit_code=1):
    """Returns ``torchrun``'s record of a process that ended and left ``file``."""
    return ProcessFailure(local_rank=rank, pid=rank, exitcode=exit_code, error_file=str(file))


def fail(error):
    with pytest.raises(type(error)), bound_to_torchrun():
        raise error


def test_torchrun_shows_the_message_without_passwords(error_file):
    fail(OutputError("cannot write http://me:secret@host/${run}: no space left on device"))
    report = str(ChildFailedError("train", {0: failure_of(error_file, exit_code=4)}))
    assert (
        "traceback : spotstream: cannot write http://host/${run}: no space left on device" in report
    )
    assert list(error_file.parent.iterdir()) == [error_file]


def test_torchrun_shows_the_type_of_an_unexpected_error(error_file):
    fail(ZeroDivisionError("division by zero"))
    assert (
        failure_of(error_file).message["message"]
        == "spotstream: ZeroDivisionError: division by zero"
    )


def test_sigterm_is_ignored_after_an_error(error_file):
    fail(OtherProcessEndedError("another of the training processes has ended"))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_full_disk_leaves_no_partial_error_file(full_disk, error_file, monkeypatch):
    file = full_disk / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
    fail(OutputError("cannot write: no space left on device" + " " * 200_000))
    assert list(full_disk.iterdir()) == []


def test_error_caused_by_another_process_is_not_the_root_cause(error_file, monkeypatch):
    """A killed process leaves no file: ``torchrun`` uses the time at which it sees the end."""
    monkeypatch.setattr("time.time", lambda: 1000.9)
    fail(OtherProcessEndedError("another of the training processes has ended"))
    monkeypatch.setattr("time.time", lambda: 1001.1)
    failures = {0: failure_of(error_file), 1: failure_of("missing.json", rank=1, exit_code=-9)}
    rank, _ = ChildFailedError("train", failures).get_first_failure()
    assert rank == 1


@pytest.mark.parametrize(
    ("set_", "first"),
    [
        ({}, True),
        ({"WORLD_SIZE": "2", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),
        ({"WORLD_SIZE": "1", "RANK": "1"}, True),
        ({"WORLD_SIZE": "", "RANK": "1"}, True),
        ({"RANK": "1"}, True),
    ],
)
def test_only_the_first_process_reports_progress(set_, first, monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_.items():
        monkeypatch.setenv(name, value)
    assert is_first() is first


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by "
                      "peer [127.0.0.1]:40355."), OtherProcessEndedError),
        (distributed.DistBackendError("NCCL communicator was aborted"), OtherProcessEndedError),
        (RuntimeError("shapes cannot be multiplied"), RuntimeError),
    ],
)  # fmt: skip
def test_lost_connection_means_that_another_process_ended(error, expected, monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "2" if name == "WORLD_SIZE" else "1")
    monkeypatch.setattr(distributed, "init_process_group", lambda *_, **__: None)
    with pytest.raises(Exception) as raised, training_processes("cpu"):  # noqa: PT011
        raise error
    assert type(raised.value) is expected


ENDS_WITH_IT = """
import time
from tools.training.torchrun import bound_to_torchrun

with bound_to_torchrun():
    print("bound", flush=True)
    time.sleep(100)
"""

STARTS_IT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1]])
"""


def test_training_process_ends_when_torchrun_is_killed(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    command = [sys.executable, "-c", STARTS_IT, ENDS_WITH_IT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "bound\n"
        process.kill()
        process.communicate(timeout=50)  # the pipe closes once both processes have ended


KILLED_ONE = """
import os, signal
from tools.entry import main
from tools.training.steps import Steps

take = Steps.take

def killed(self, batches):
    if os.environ["RANK"] == "1" and self._state.step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return take(self, batches)

Steps.take = killed
main()
"""


@pytest.mark.slow
def test_killed_process_ends_the_other_without_a_traceback(tiny_config, tmp_path):
    done = in_two_processes(tiny_config(steps=100_000), tmp_path, KILLED_ONE)
    assert "[rank0]" not in done.stderr  # torch's prefix of each line of a traceback
    assert "gloo" not in done.stderr
    assert "Signal 9 (SIGKILL)" in done.stderr.partition("Root Cause")[2]
    assert done.stderr.count("reading annotations") == 1
