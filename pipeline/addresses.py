"""Addresses of a run's sockets, and paths of its streams' shared memory."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from stages.urls import is_port

if TYPE_CHECKING:
    from pipeline.config import RuntimeConfig

_FIXED = ("control", "tracker", "sink")
_MAX_DETECTORS = 64
_LAST_PORT = 65535


def endpoint(sockets: str, runtime: RuntimeConfig, name: str) -> str:
    """Returns the ZeroMQ address of a named socket."""
    if runtime.transport == "ipc":
        return f"ipc://{Path(sockets) / name}"
    kind, _, number = name.rpartition("-")
    if not kind:
        offset = _FIXED.index(name)
    elif kind == "detector":
        offset = len(_FIXED) + int(number)
    else:
        offset = len(_FIXED) + _MAX_DETECTORS + int(number) % stream_ports(runtime)
    return f"tcp://127.0.0.1:{runtime.port + offset}"


def stream_ports(runtime: RuntimeConfig) -> int:
    """Returns the number of TCP ports for decoders; channels equal modulo that number share one."""
    return _LAST_PORT + 1 - runtime.port - len(_FIXED) - _MAX_DETECTORS


def is_taken(address: str) -> bool:
    """Returns whether a socket's address is a TCP address that is already in use."""
    if not address.startswith("tcp://"):
        return False
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
        try:
            probe.bind((host, int(port)))
        except OSError:
            return True
    return False


def memory_path(sockets: str, kind: str, channel: int) -> str:
    """Returns the path of the link to a stream's ring or logbook; removed when the stream ends."""
    return str(Path(sockets) / f"{kind}-{channel}")


def is_local(address: str) -> bool:
    """Returns whether only this host can reach the address."""
    if address.startswith(("ipc://", "inproc://")):
        return True
    return is_loopback(address.removeprefix("tcp://").rpartition(":")[0].strip("[]"))


def is_loopback(host: str) -> bool:
    """Returns whether a host is a loopback address or ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ends_with_port(address: str) -> bool:
    """Returns whether the address ends with a TCP port, other than ``*`` or 0 (any free port)."""
    return is_port(address.rpartition(":")[2])
