"""Sends encoded pictures to a media server, as a separate process, see `LiveOverlay`.

The process reads an `Opening` from standard input, then one `SentPicture` after another until the
input is closed. It prints `READY` once the server takes pictures, or the reason why it does not, or
no longer does. PyAV holds Python's lock while FFmpeg connects, which would stop all threads of the
sink, and RTMP waits for an answer indefinitely: here, an alarm then ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar

import av
import msgspec
from av.error import FFmpegError

from pipeline.overlay_addresses import FORMATS
from pipeline.transport.messages import decode_extra, encode_extra
from stages.sink.encoding import VideoSettings

READY = "ready"

_SEND_BUFFER = 1 << 17  # bytes; Linux doubles them

_PREFIX = struct.Struct("<I")  # length

_Message = TypeVar("_Message", bound=msgspec.Struct)


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """Where to send pictures, and how they are encoded.

    Attributes:
        url: The address.
        seconds: How long the server may take for any operation.
        settings: Settings of the encoder.
        parameters: SPS and PPS.
    """

    url: str
    seconds: float
    settings: VideoSettings
    parameters: bytes


class SentPicture(msgspec.Struct, frozen=True, array_like=True):
    """An encoded picture; ``pts`` is in units of the settings' time base, and rises."""

    pts: int
    is_key: bool
    data: bytes


def write_message(file: IO[bytes], message: Opening | SentPicture) -> None:
    """Writes a message to this process.

    Raises:
        OSError: The process has ended.
    """
    content = msgspec.msgpack.encode(message, enc_hook=encode_extra)
    file.write(_PREFIX.pack(len(content)) + content)
    file.flush()


def _read_message(file: IO[bytes], kind: type[_Message]) -> _Message | None:
    """Returns the next message; None at the end, or if the writer was killed while writing it."""
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    [length] = _PREFIX.unpack(prefix)
    content = file.read(length)
    if len(content) < length:
        return None
    return msgspec.msgpack.decode(content, type=kind, dec_hook=decode_extra)


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends the process by SIGALRM if the context takes longer than ``seconds``."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_sockets(seconds: float) -> None:
    """Limits what sockets buffer for a slow server, and how long for one that does not answer.

    The kernel would buffer megabytes, for a quarter of an hour.
    """
    for file in Path("/proc/self/fd").iterdir():
        if file.is_socket():
            with socket.socket(fileno=os.dup(int(file.name))) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
                if connection.proto == socket.IPPROTO_TCP:
                    limit = round(1000 * seconds)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)


def _in_whole_packets(url: str) -> str:
    """Fills each datagram with seven MPEG-TS packets, unless a udp address sets another size."""
    if not url.startswith("udp:"):
        return url
    address, _, query = url.partition("?")
    return f"{address}?pkt_size={7 * 188}&{query}"


def _send(opening: Opening, pictures: IO[bytes]) -> None:
    form, options = FORMATS[opening.url.partition(":")[0]]
    settings, seconds = opening.settings, opening.seconds
    with _limited(seconds):
        container = av.open(_in_whole_packets(opening.url), "w", format=form, options=options)
        stream = settings.add_to(container, opening.parameters)
        container.start_encoding()
    _limit_sockets(seconds)
    _print_line(READY)
    while (picture := _read_message(pictures, SentPicture)) is not None:
        packet = av.Packet(picture.data)
        packet.stream = stream
        packet.time_base = settings.time_base
        packet.pts = packet.dts = picture.pts
        packet.is_keyframe = picture.is_key
        with _limited(seconds):
            container.mux(packet)
    with _limited(seconds):
        container.close()


def main() -> int:
    """Sends the pictures from standard input; returns the exit status."""
    # SIGINT, SIGTERM and SIGHUP are ignored, as in the parent process.
    opening = _read_message(sys.stdin.buffer, Opening)
    if opening is None:
        return 0
    try:
        _send(opening, sys.stdin.buffer)
    except FFmpegError as error:  # its traceback would show the address, and so a password
        _print_line(error.strerror or "FFmpeg fails")
        return 1
    return 0


def _print_line(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
