import contextlib
import socket
import threading

import pytest
import zmq

from pipeline.transport.broadcast import Broadcast
from stages.errors import ConfigError
from tests.pipeline.transport.conftest import Listener, publish

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(52, b"\0")  # of ZMTP 3.1
LONG_COMMAND = b"\x06"


def test_only_listed_keys_are_admitted(context, address, keys):
    broadcast = Broadcast(context, address, keys / "server.key_secret", keys / "clients")
    try:
        server = keys / "server.key"
        friend = Listener(address, keys / "friend.key_secret", server)
        others = [
            Listener(address, keys / "stranger.key_secret", server),
            Listener(address),
            Listener(address, keys / "friend.key_secret", keys / "stranger.key"),
        ]
        record = publish(broadcast, [friend], 100)
        assert friend.heard[0] == record
        publish(broadcast, others, 0.5)
        assert [each.heard for each in others] == [[], [], []]
    finally:
        broadcast.close()


@pytest.mark.parametrize("size", [2**11, 400 * 2**20])
def test_a_client_without_a_key_cannot_occupy_memory(context, address, keys, size):
    broadcast = Broadcast(context, address, keys / "server.key_secret", keys / "clients")
    try:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(2)
            stranger.connect(address.removeprefix("ipc://"))
            stranger.sendall(GREETING + LONG_COMMAND + size.to_bytes(8, "big"))
            with contextlib.suppress(ConnectionResetError):
                while stranger.recv(64):  # until the other end disconnects
                    pass
    finally:
        broadcast.close()


def test_a_client_that_sends_nothing_is_disconnected(context, address, monkeypatch):
    monkeypatch.setattr("pipeline.transport.broadcast._HANDSHAKE_MS", 300)
    broadcast = Broadcast(context, address, None, None)
    with socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(10)
        idle.connect(address.removeprefix("ipc://"))
        while idle.recv(64):
            pass
    broadcast.close()


def test_connections_over_a_network_are_limited(context, port):
    broadcast = Broadcast(context, f"tcp://127.0.0.1:{port}", None, None)
    with contextlib.ExitStack() as undo:
        for _ in range(65):
            peer = undo.enter_context(socket.create_connection(("127.0.0.1", port)))
        peer.settimeout(2)
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(64):
                pass
    broadcast.close()


def test_no_key_is_needed_on_the_same_host(context, address):
    broadcast = Broadcast(context, address, None, None)
    try:
        listener = Listener(address)
        assert listener.heard == [publish(broadcast, [listener], 100)] * len(listener.heard) != []
    finally:
        broadcast.close()


def test_a_slow_subscriber_receives_waiting_messages_after_the_end(context, address):
    with zmq.Context() as own:
        broadcast = Broadcast(own, address, None, None)
        with context.socket(zmq.SUB) as subscriber:
            subscriber.rcvhwm = 50
            subscriber.subscribe(b"")
            subscriber.connect(address)
            while not subscriber.poll(50):
                broadcast.send([b"first"])
            for number in range(500):
                broadcast.send([bytes(20_000), b"%d" % number])
            broadcast.close()
            while (message := subscriber.recv_multipart())[-1] != b"499":
                assert subscriber.poll(100_000), message


def test_held_back_messages_are_sent_first_in_any_number(context, address):
    with context.socket(zmq.SUB) as subscriber:  # it retries every 0.1 s
        subscriber.subscribe(b"")
        subscriber.connect(address)
        broadcast = Broadcast(context, address, None, None, held_back=1.0)
        for number in range(5000):
            broadcast.send([b"%d" % number])
        assert not subscriber.poll(0)
        received = []

        def listen():
            while not received or received[-1] != b"last":
                assert subscriber.poll(10_000)
                received.append(subscriber.recv())

        listener = threading.Thread(target=listen)
        listener.start()
        broadcast.send([b"last"], now=True)
        listener.join()
        assert received == [*(b"%d" % number for number in range(5000)), b"last"]
        broadcast.close()


def test_a_file_at_the_socket_path_is_kept(context, tmp_path):
    (tmp_path / "file").write_text("results")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with pytest.raises(ConfigError, match=rf"{tmp_path}/{name} exists and is not a socket"):
            Broadcast(context, f"ipc://{tmp_path}/{name}", None, None)
    assert (tmp_path / "link").read_text() == "results"


def test_another_pipeline_keeps_its_address(context, address):
    broadcast = Broadcast(context, address, None, None)
    with pytest.raises(ConfigError, match=r"another pipeline publishes at .*/tracks"):
        Broadcast(context, address, None, None)
    listener = Listener(address)
    assert listener.heard == [publish(broadcast, [listener], 100)] * len(listener.heard) != []
    broadcast.close()


def test_a_socket_left_by_a_killed_pipeline_is_replaced(context, address):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address.removeprefix("ipc://"))
        left.listen()
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    publish(broadcast, [listener], 100)
    assert listener.heard
    broadcast.close()


def test_addresses_may_be_ipv6(context):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        address = f"tcp://[::1]:{free.getsockname()[1]}"
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    publish(broadcast, [listener], 100)
    assert listener.heard
    broadcast.close()
