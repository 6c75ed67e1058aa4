"""Hostile bytes sent to the ports that other hosts may reach."""

from __future__ import annotations

import contextlib
import random
import socket

_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(52, b"\0")  # of ZMTP 3.1
_LONG_COMMAND = b"\x06"
_ANNOUNCED = 2**28
_SENT = 2**26


def announce_much(port: int) -> bool:
    """Starts a 256 MiB ZMTP command before any handshake; returns whether the peer hung up."""
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        try:
            peer.sendall(_GREETING + _LONG_COMMAND + _ANNOUNCED.to_bytes(8, "big"))
            peer.sendall(bytes(_SENT))
        except ConnectionError:
            return True
    return False


def ask_nonsense(port: int, times: int, seed: int) -> None:
    """Sends ``times`` malformed requests to an HTTP server, and waits for each answer."""
    rng = random.Random(seed)
    for _ in range(times):
        nonsense = (
            rng.randbytes(rng.randrange(1000)),
            b"GET /" + b"a" * rng.randrange(100_000) + b" HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * rng.randrange(200),
        )
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 10) as peer,
        ):
            peer.sendall(rng.choice(nonsense))
            peer.shutdown(socket.SHUT_WR)
            peer.recv(1)
