"""The end of the command socket at which a running pipeline answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import zmq

from pipeline.supervision.commands import (
    AddStream,
    Answer,
    CarriedOut,
    Command,
    CommandFailed,
    CommandResult,
    Describe,
    Refused,
    RemoveStream,
    commands_endpoint,
)
from stages.errors import SpotStreamError, in_one_line

_MAX_BYTES = 64 * 1024
_MAX_PER_CALL = 100

_commands = msgspec.msgpack.Decoder(AddStream | RemoveStream | Describe)

log = logging.getLogger(__name__)


class CommandServer:
    """Receives commands; a client that disconnects or sends garbage does no harm."""

    def __init__(self, context: zmq.Context, folder: str) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.maxmsgsize = _MAX_BYTES
        self.socket.linger = 0
        self.socket.bind(commands_endpoint(Path(folder)))

    def serve(self, carry_out: Callable[[Command], CommandResult]) -> None:
        """Answers pending commands, a limited number per call so that a flood blocks nothing."""
        for _ in range(_MAX_PER_CALL):
            if not self.socket.poll(0):
                return
            client, *parts = self.socket.recv_multipart()
            answer = _answer(parts[-1] if parts else b"", carry_out)
            self.socket.send_multipart([client, b"", msgspec.msgpack.encode(answer)])


def _answer(message: bytes, carry_out: Callable[[Command], CommandResult]) -> Answer:
    try:
        command = _commands.decode(message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Refused(f"no such command: {error}")
    try:
        return CarriedOut(msgspec.Raw(msgspec.msgpack.encode(carry_out(command))))
    except (SpotStreamError, OSError) as error:
        return Refused(_encodable(error))
    except Exception as error:  # whatever goes wrong in a command, the pipeline keeps running
        log.exception("cannot carry out %s", type(command).__name__)
        return CommandFailed(_encodable(error))


def _encodable(error: Exception) -> str:
    message = in_one_line(error)
    return message.encode(errors="backslashreplace").decode()  # a file name need not be UTF-8
