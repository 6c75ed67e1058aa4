"""The process that sends an overlay: no server can block it for ever."""

import contextlib
import io
import signal
import socket
import subprocess
import sys
from subprocess import PIPE
from types import SimpleNamespace

import av
import pytest

from pipeline.workers import overlay_sender
from pipeline.workers.overlay_sender import (
    _SEND_BUFFER,
    Opening,
    SentPicture,
    _limit_sockets,
    _limited,
    _read_message,
    _send,
    write_message,
)
from tests.pipeline.workers.overlay_pictures import Viewer
from tools.harness.ports import free_port


def test_socket_send_buffers_are_limited():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _limit_sockets(10)
        sizes = [each.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for each in (ours, theirs)]
    assert sizes == [2 * _SEND_BUFFER] * 2


def test_the_kernel_waits_no_longer_for_a_server_than_the_sender():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as connection,
    ):
        _limit_sockets(10)
        limit = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit == 10_000


def test_a_time_limit_ends_with_its_context():
    with _limited(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_truncated_message_counts_as_the_end():
    file = io.BytesIO()
    write_message(file, SentPicture(1, True, b"data"))
    assert _read_message(io.BytesIO(file.getvalue()[:-1]), SentPicture) is None


def test_every_call_that_a_server_may_block_has_a_time_limit(pictures, monkeypatch):
    used = []

    class Watched:
        """A container that records each attribute used, and whether a time limit was active."""

        def __init__(self, *arguments, **options):
            self._container = av.open(*arguments, **options)

        def __getattr__(self, name):
            used.append((name, signal.getitimer(signal.ITIMER_REAL)[0] > 0))
            return getattr(self._container, name)

    watched = SimpleNamespace(open=Watched, Packet=av.Packet)
    monkeypatch.setattr(overlay_sender, "av", watched)
    monkeypatch.setattr(overlay_sender, "_limit_sockets", lambda _: used.append(("sockets", True)))
    first, file = pictures(1)[0], io.BytesIO()
    write_message(file, SentPicture(0, True, first.data))
    file.seek(0)
    with Viewer() as viewer:
        _send(Opening(viewer.url, 60.0, first.settings, first.parameters), file)
    assert all(is_limited for _, is_limited in used)
    assert [name for name, _ in used][-4:] == ["start_encoding", "sockets", "mux", "close"]


@pytest.mark.parametrize(("query", "most"), [("", 1316), ("?pkt_size=376", 376)])
def test_datagrams_hold_whole_mpeg_ts_packets(pictures, query, most):
    encoded, file = pictures(20), io.BytesIO()
    for number, picture in enumerate(encoded):
        write_message(file, SentPicture(number, number == 0, picture.data))
    file.seek(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}{query}"
        _send(Opening(url, 60.0, encoded[0].settings, encoded[0].parameters), file)
        datagrams = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagrams.append(receiver.recv(65536))
    assert max(map(len, datagrams)) == most
    assert all(len(each) % 188 == 0 and each[:1] == b"G" for each in datagrams)


def test_no_traceback_reveals_the_address(pictures):
    [picture] = pictures(1)
    url = f"rtsp://me:s3cret@127.0.0.1:{free_port()}/a"
    command = [sys.executable, "-m", "pipeline.workers.overlay_sender"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        process.stdout.close()  # as when the sink has ended meanwhile
        write_message(process.stdin, Opening(url, 9, picture.settings, picture.parameters))
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
