"""Ports of this host."""

import socket


def free_port(kind=socket.SOCK_STREAM):
    """A port at which nobody listens: of TCP, or of UDP for ``SOCK_DGRAM``."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
