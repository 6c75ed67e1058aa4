"""What a run is set up with, and how it is rid of it."""

import signal
import socket

import pytest

from pipeline.config_file import load_config
from pipeline.supervision.result_folders import ResultFolders
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
