"""The resources that a run sets up, and their release."""

import errno
import resource
import signal
import socket
import subprocess
import sys

import pytest
import zmq

from pipeline.addresses import endpoint
from pipeline.config import RunConfig, RuntimeConfig
from pipeline.config_file import load_config
from pipeline.signals import IGNORED_SIGNALS
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.run_resources import open_run_resources
from pipeline.supervision.supervisor import Supervisor
from stages.errors import ConfigError
from tools.harness.ports import free_port


def test_open_file_limit_is_raised_during_a_run(temporary, tmp_path):
    temporary(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = (before[0] // 2, before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, low)
    try:
        with open_run_resources(RunConfig(), tmp_path, RunMonitor(), lambda: True, print):
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == low
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_partial_setup_is_undone_on_failure(temporary, tmp_path_factory, tmp_path):
    runtime = tmp_path_factory.mktemp("runtime")  # short, for names of sockets
    temporary(runtime)
    handler = signal.getsignal(signal.SIGTERM)
    metrics, web = free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = ["runtime.transport=tcp", f"runtime.port={port}"]
        settings += [f"runtime.metrics={metrics}", f"runtime.web={web}"]
        config = load_config(None, settings)
        results = ResultFolders([], tmp_path / "out", config, overwrite=False)
        supervisor = Supervisor(results, config, stay=True)
        with pytest.raises(ConfigError, match=r"in use.*choose another runtime\.port"):
            supervisor.run()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert list(runtime.iterdir()) == []
    for port in (metrics, web):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("name", ["tracker", "sink", "detector-1"])
def test_stage_port_in_use_is_reported(temporary, tmp_path, name):
    temporary(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = port - int(endpoint("", RuntimeConfig(transport="tcp"), name)[-4:]) + 5550
        settings = ["runtime.transport=tcp", f"runtime.port={first}", "detector.workers=2"]
        config = load_config(None, settings)
        run = open_run_resources(config, tmp_path, RunMonitor(), lambda: True, print)
        message = f"tcp://127.0.0.1:{port} is in use; choose another runtime.port"
        with pytest.raises(ConfigError, match=f"^{message}$"), run:
            pass


def test_signal_handlers_are_installed_only_during_the_run(temporary, tmp_path):
    temporary(tmp_path)
    numbers = (signal.SIGINT, signal.SIGTERM, *IGNORED_SIGNALS)
    before = [signal.getsignal(number) for number in numbers]
    with open_run_resources(RunConfig(), tmp_path, RunMonitor(), lambda: True, print):
        handlers = [signal.getsignal(number) for number in numbers]
        assert handlers == [print, print, signal.SIG_IGN, signal.SIG_IGN]
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize(
    ("number", "settings", "advice"),
    [
        (errno.EMFILE, [], "raise the limit with ulimit -n"),
        (errno.EMFILE, ["runtime.transport=tcp"], "raise the limit with ulimit -n"),
        (errno.EADDRINUSE, ["runtime.transport=tcp"], "choose another runtime.port"),
        (errno.EACCES, [], "set TMPDIR to another folder"),
    ],
)
def test_sockets_that_cannot_be_opened_are_reported_with_advice(
    temporary, tmp_path, monkeypatch, number, settings, advice
):
    def command_server(context, folder):
        raise zmq.ZMQError(number)

    temporary(tmp_path)
    monkeypatch.setattr("pipeline.supervision.run_resources.CommandServer", command_server)
    config = load_config(None, [f"runtime.port={free_port()}", *settings])
    run = open_run_resources(config, tmp_path, RunMonitor(), lambda: True, print)
    with pytest.raises(ConfigError, match=f"^cannot open the run's sockets: .*; {advice}$"), run:
        pass


def test_tcp_without_a_loopback_interface_is_reported(tmp_path):
    alone = ["unshare", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to make a network namespace")
    command = [sys.executable, "-m", "tools.main", "run", "--stay", "--output", tmp_path / "out"]
    done = subprocess.run(
        [*alone, *command, "--set", "runtime.transport=tcp"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.stderr == (
        "spotstream: processes on this machine cannot reach each other at 127.0.0.1: network is "
        "unreachable; bring the loopback interface up (ip link set lo up), or set "
        "runtime.transport=ipc\n"
    )
    assert done.returncode == ConfigError.exit_code
