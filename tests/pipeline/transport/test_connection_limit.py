import contextlib
import os
import socket
import tempfile
import threading
import time

import pytest
import zmq

from pipeline.transport.connection_limit import ConnectionLimit, _close
from tests.waiting import wait_for

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(52, b"\0")  # of ZMTP 3.0
READY = b"\x05READY\x0bSocket-Type\0\0\0\x03SUB"
HANDSHAKE = GREETING + b"\x04" + bytes([len(READY)]) + READY


@pytest.fixture
def port():
    """A port at which messages are published continuously."""
    finished = threading.Event()
    with zmq.Context() as context, context.socket(zmq.PUB) as publisher:
        limit = ConnectionLimit(context, publisher)
        port = publisher.bind_to_random_port("tcp://127.0.0.1")

        def publish():
            while not finished.wait(0.005):
                publisher.send(b"cam")

        thread = threading.Thread(target=publish)
        thread.start()
        yield port
        finished.set()
        thread.join()
        limit.close()
        assert "connections" not in [each.name for each in threading.enumerate()]


@contextlib.contextmanager
def subscribed(port):
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.reconnect_ivl = -1
        subscriber.subscribe(b"cam")
        subscriber.connect(f"tcp://127.0.0.1:{port}")
        yield subscriber


def is_open(peer):
    try:
        peer.send(b"")
        return peer.recv(2**16, socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def receives(subscriber):
    while subscriber.poll(0):
        subscriber.recv()
    return subscriber.poll(100_000)


def test_connections_above_the_limit_are_closed(port):
    with subscribed(port) as early:
        assert receives(early)
        with contextlib.ExitStack() as undo:
            others = [
                undo.enter_context(socket.create_connection(("127.0.0.1", port)))
                for _ in range(100)
            ]
            wait_for(lambda: sum(map(is_open, others)) == 63)
            assert receives(early)
        time.sleep(0.2)
        with subscribed(port) as late:
            assert receives(late)


def test_a_client_that_subscribes_endlessly_is_disconnected(port):
    topics = b"".join(b"\0\x09\x01%08d" % number for number in range(5000))
    with subscribed(port) as other, socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(HANDSHAKE)
        assert peer.recv(len(HANDSHAKE), socket.MSG_WAITALL).endswith(b"PUB")
        with contextlib.suppress(ConnectionError):
            peer.sendall(topics)
        wait_for(lambda: not is_open(peer))
        assert receives(other)


def test_a_reused_descriptor_is_not_closed():
    one, other = socket.socketpair()
    with one, other, tempfile.TemporaryFile() as file:
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        for each in (one, file):
            _close(each.fileno(), 5560, -1)
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
        one.sendall(b"x")
        assert other.recv(1) == b"x"
