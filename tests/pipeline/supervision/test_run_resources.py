"""What a run is set up with, and how it is rid of it."""

import resource
import signal
import socket
from pathlib import Path

import pytest

from pipeline.config_file import load_config
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.run_resources import check_open_files, open_run_resources
from pipeline.supervision.supervisor import Supervisor
from stages.errors import ConfigError


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_what_was_set_up_is_undone_where_the_rest_cannot_be(temporary, tmp_path):
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    temporary(runtime)
    handler = signal.getsignal(signal.SIGTERM)
    metrics = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = ["runtime.transport=tcp", f"runtime.port={port}", f"runtime.metrics={metrics}"]
        config = load_config(None, settings)
        results = ResultFolders([], tmp_path / "out", config, overwrite=False)
        supervisor = Supervisor(results, config, stay=True)
        with pytest.raises(ConfigError, match=r"in use.*choose another runtime\.port"):
            supervisor.run()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert list(runtime.iterdir()) == []
    socket.create_server(("127.0.0.1", metrics)).close()


@pytest.fixture
def few_files():
    """Lowers the soft limit of open files to ten more than there are; returns both limits."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = (len(list(Path("/proc/self/fd").iterdir())) + 10, before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    yield limits
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_may_be_open_as_the_system_allows(few_files, temporary, tmp_path):
    temporary(tmp_path)
    given = (load_config(None), tmp_path, RunMonitor(), lambda: True, lambda number, frame: None)
    with open_run_resources(*given):
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files[1], few_files[1])
        check_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == few_files


def test_a_stream_that_needs_too_many_files_is_refused(few_files):
    with pytest.raises(ConfigError, match=rf"more open files than the limit of {few_files[0]} all"):
        check_open_files()
