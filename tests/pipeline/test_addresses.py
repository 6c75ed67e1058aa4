import socket

import pytest

from pipeline.addresses import endpoint, ends_with_port, is_local, is_taken, stream_ports
from pipeline.config import RuntimeConfig


def test_each_socket_has_its_own_port_over_tcp():
    runtime = RuntimeConfig(transport="tcp", port=65_000)
    streams = stream_ports(runtime)
    names = ["control", "tracker", "sink", *(f"detector-{n}" for n in range(64))]
    names += [f"ack-{n}" for n in range(streams)]
    addresses = [endpoint("", runtime, name) for name in names]
    assert addresses == [f"tcp://127.0.0.1:{port}" for port in range(65_000, 65_536)]
    assert endpoint("", runtime, f"ack-{streams}") == endpoint("", runtime, "ack-0")


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("ipc:///run/tracks", True),
        ("tcp://127.0.0.1:5560", True),
        ("tcp://[::1]:5560", True),
        ("tcp://localhost:5560", True),
        ("tcp://0.0.0.0:5560", False),
        ("tcp://*:5560", False),
        ("tcp://eth0:5560", False),
        ("tcp://10.1.2.3:5560", False),
    ],
)
def test_addresses_reachable_from_other_hosts_are_not_local(address, local):
    assert is_local(address) is local


@pytest.mark.parametrize(
    ("address", "ends"),
    [
        ("tcp://127.0.0.1:5560", True),
        ("tcp://[::1]:5560", True),
        ("tcp://127.0.0.1:*", False),
        ("tcp://127.0.0.1", False),
        ("tcp://127.0.0.1:", False),
        ("tcp://[::1]", False),
        ("tcp://127.0.0.1:0", False),
        ("tcp://127.0.0.1:65536", False),
        ("tcp://127.0.0.1:name", False),
    ],
)
def test_valid_port_at_the_end_of_an_address_is_recognised(address, ends):
    assert ends_with_port(address) is ends


def test_address_with_a_listener_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        assert is_taken(address)
    assert not is_taken(address)
    assert not is_taken("ipc:///run/tracks")


def test_address_is_free_once_its_connections_are_closed():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        with socket.create_connection(address):
            served, _ = listening.accept()
            served.close()  # first, so that the server's port is in TIME_WAIT
    assert not is_taken(f"tcp://127.0.0.1:{address[1]}")
