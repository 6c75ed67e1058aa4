"""Limits how many peers on other hosts may connect to a socket, and how much memory they use."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

_MAX_CONNECTIONS = 64
_MAX_BYTES = 2**14  # in total per subscriber, whose handshake and topic take less than 1 KiB
_CHECK_MS = 50
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_MONITOR_STOPPED
_BYTES_RECEIVED = struct.Struct("=128xQ")  # the start of struct tcp_info


class ConnectionLimit:
    """Closes TCP connections beyond 64, and those whose peer sends more than 16 KiB.

    ZeroMQ limits neither, and a topic takes fifty times its size in memory. A connection is closed
    within 0.05 s of receiving too much.

    Args:
        context: The socket's context.
        limited: The socket to limit, not yet bound.
    """

    def __init__(self, context: zmq.Context, limited: zmq.Socket) -> None:
        self._limited = limited
        address = f"inproc://connections-{id(self)}"
        limited.monitor(address, _EVENTS)
        events = context.socket(zmq.PAIR)
        events.rcvhwm = 1  # ZeroMQ accepts no connection while 500 events wait
        events.connect(address)
        self._thread = threading.Thread(
            target=_watch, args=(events,), name="connections", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Lifts the limit; call it before the socket is closed."""
        self._limited.disable_monitor()
        self._thread.join()


def _watch(events: zmq.Socket) -> None:
    ports: dict[int, int] = {}  # local ports by descriptor
    checked_at = time.monotonic()
    with events, contextlib.suppress(zmq.ZMQError):
        while True:
            if events.poll(_CHECK_MS if ports else None):
                event = recv_monitor_message(events)
                if event["event"] == zmq.EVENT_MONITOR_STOPPED:
                    return
                descriptor = int(event["value"])
                if event["event"] == zmq.EVENT_DISCONNECTED:
                    ports.pop(descriptor, None)
                else:
                    port = ports[descriptor] = int(event["endpoint"].rpartition(b":")[2])
                    if len(ports) > _MAX_CONNECTIONS:
                        _close(descriptor, port, -1)  # whatever it has received
            if time.monotonic() - checked_at >= _CHECK_MS / 1000:
                checked_at = time.monotonic()
                for descriptor, port in ports.items():
                    _close(descriptor, port, _MAX_BYTES)


def _close(descriptor: int, port: int, max_bytes: int) -> None:
    """Shuts down a connection to ``port`` if it has received more than ``max_bytes``.

    The port is compared because ZeroMQ may have closed the descriptor, which may belong to another
    file by now.
    """
    with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
        copy = os.dup(descriptor)
        undo.callback(os.close, copy)
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=copy)
        undo.callback(peer.detach)
        if peer.getsockname()[1:2] != (port,):
            return
        info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
        if _BYTES_RECEIVED.unpack(info)[0] > max_bytes:
            peer.shutdown(socket.SHUT_RDWR)
