"""An RTMP server (Adobe's specification 1.0) that plays one FLV file to each viewer."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

_HANDSHAKE = 1536
_CHUNK_SIZE, _COMMAND = 1, 20  # message types
_SCRIPT = 18
_CONNECTED, _CREATED = 1.0, 2.0  # the viewer's transaction numbers


def play(flv: bytes, viewer: socket.socket) -> None:
    """Performs the handshake, answers the viewer's commands and sends all packets at once."""
    _receive(viewer, 1 + _HANDSHAKE)
    viewer.sendall(b"\x03" + bytes(_HANDSHAKE) + bytes(_HANDSHAKE))
    _receive(viewer, _HANDSHAKE)
    viewer.sendall(_message(_CHUNK_SIZE, struct.pack(">I", 1 << 24)))
    _wait_for(viewer, b"connect")
    viewer.sendall(_message(_COMMAND, _string("_result") + _number(_CONNECTED) + b"\x05\x05"))
    _wait_for(viewer, b"createStream")
    created = _string("_result") + _number(_CREATED) + b"\x05" + _number(1)
    viewer.sendall(_message(_COMMAND, created))
    _wait_for(viewer, b"play")
    status = b"\x03\x00\x04code" + _string("NetStream.Play.Start") + b"\x00\x00\x09"
    viewer.sendall(_message(_COMMAND, _string("onStatus") + _number(0) + b"\x05" + status))
    for kind, milliseconds, data in _tags(flv):
        viewer.sendall(_message(kind, data, milliseconds))


def _tags(flv: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 13
    while at < len(flv):
        size = int.from_bytes(flv[at + 1 : at + 4])
        if flv[at] != _SCRIPT:
            yield flv[at], int.from_bytes(flv[at + 4 : at + 7]), flv[at + 11 : at + 11 + size]
        at += 11 + size + 4


def _message(kind: int, data: bytes, milliseconds: int = 0) -> bytes:
    head = b"\x03" + milliseconds.to_bytes(3) + len(data).to_bytes(3) + bytes([kind])
    return head + struct.pack("<I", kind != _CHUNK_SIZE) + data


def _string(text: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(text)) + text.encode()


def _number(value: float) -> bytes:
    return b"\x00" + struct.pack(">d", value)


def _receive(viewer: socket.socket, size: int) -> None:
    while size:
        size -= len(viewer.recv(size))


def _wait_for(viewer: socket.socket, command: bytes) -> None:
    received = b""
    while command not in received:
        received += viewer.recv(4096)
