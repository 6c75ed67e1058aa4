import fcntl
import threading

import pytest
import zmq

from pipeline.supervision.command_server import CommandServer
from pipeline.supervision.commands import remove_stream
from pipeline.supervision.runtime_folder import RunInfo
from stages.errors import ConfigError, SpotStreamError


def send_command_that_raises(folder, error):
    """Sends a pipeline a command during which the error is raised."""

    def carry_out(command):
        raise error

    def serve():
        assert server.socket.poll(100_000)
        server.serve(carry_out)

    with zmq.Context() as context, (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = CommandServer(context, str(folder))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            remove_stream(RunInfo(1, "out", folder), "north")
        finally:
            thread.join()
            server.socket.close()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigError("no such thing"), "no such thing"),
        (PermissionError(13, "Permission denied", "/x"), "PermissionError: .*denied: '/x'"),
        (ConfigError("did you mean s\udcfcd.mp4?"), r"s\\udcfcd\.mp4"),
    ],
)
def test_refused_command_raises_the_reason(tmp_path, error, message):
    with pytest.raises(ConfigError, match=message):
        send_command_that_raises(tmp_path, error)


def test_internal_error_is_returned_and_logged(tmp_path, caplog):
    with pytest.raises(
        SpotStreamError, match="process id 1 failed to do this: KeyError: 'cam'"
    ) as raised:
        send_command_that_raises(tmp_path, KeyError("cam"))
    assert raised.value.exit_code == 1
    [record] = caplog.records
    assert record.getMessage() == "cannot carry out RemoveStream"
    assert record.exc_info[0] is KeyError
