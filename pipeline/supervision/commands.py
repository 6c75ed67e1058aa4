"""Commands to a running pipeline, over a socket in its folder that only its owner can reach."""

from __future__ import annotations

import contextlib
import os
import pwd
import tempfile
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import zmq

from pipeline.supervision.overview import Overview
from pipeline.supervision.runtime_folder import RunInfo, is_locked, running
from stages.decoder.locations import absolute_location, expand_sources
from stages.errors import ConfigError, SourceError, SpotStreamError

_ANSWER_MS = 10_000
_POLL_MS = 100
_SOCKET = "commands"

_Result = TypeVar("_Result")


class RunEndedError(SpotStreamError):
    """The pipeline has ended and answers no more commands."""


class AddStream(msgspec.Struct, tag="add", frozen=True):
    """Begin another stream, or all streams in a folder; the result is their names."""

    location: str
    name: str = ""


class RemoveStream(msgspec.Struct, tag="remove", frozen=True):
    """End a stream; its results are completed."""

    name: str


class Describe(msgspec.Struct, tag="describe", frozen=True):
    """Describe the state of the run; the result is an `Overview`."""


class CarriedOut(msgspec.Struct, tag="done", frozen=True):
    """The command was carried out; ``result`` is msgpack."""

    result: msgspec.Raw


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """The command was not carried out; ``message`` says why, in one line."""

    message: str


class CommandFailed(msgspec.Struct, tag="crashed", frozen=True):
    """A program error prevented the command; ``message`` describes it in one line."""

    message: str


Command: TypeAlias = AddStream | RemoveStream | Describe
CommandResult: TypeAlias = list[str] | Overview | None
"""The result of a command, see its class."""

Answer: TypeAlias = CarriedOut | Refused | CommandFailed

_answers = msgspec.msgpack.Decoder(Answer)


def commands_endpoint(folder: Path) -> str:
    """Returns the address of the command socket of the pipeline with this folder."""
    return f"ipc://{folder / _SOCKET}"


def find_run(pid: int | None = None) -> RunInfo:
    """Returns this user's pipeline with process id ``pid``, or the only one that is running.

    Raises:
        ConfigError: There is no such pipeline, or there are several.
    """
    runs = running()
    if pid is not None:
        runs = [run for run in runs if run.pid == pid]
    if not runs:
        raise ConfigError(_not_found(pid))
    if len(runs) > 1:
        choice = "; ".join(f"--pid {run.pid} writes to {run.output}" for run in runs)
        if len({run.pid for run in runs}) < len(runs):  # in containers that share a folder
            choice += "; to distinguish those with the same --pid, start each with its own TMPDIR"
        raise ConfigError(f"{len(runs)} pipelines are running: {choice}")
    return runs[0]


def _not_found(pid: int | None) -> str:
    me, folder = os.getuid(), tempfile.gettempdir()
    if pid is not None:
        with contextlib.suppress(OSError):
            owner = Path(f"/proc/{pid}").stat().st_uid
            if owner != me:
                return f"process {pid} belongs to {_user_name(owner)}, who alone can command it"
    running = "is running" + (f" as process {pid}" if pid else "")
    return (
        f"no pipeline of user {_user_name(me)} with TMPDIR={folder} {running}; commands "
        "must come from the user, and with the TMPDIR, that started it"
    )


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # as in a container
        return str(user)


def add_stream(run: RunInfo, location: str | os.PathLike[str], name: str = "") -> list[str]:
    """Adds a stream, or all streams in a folder, to a pipeline; returns their names.

    Raises:
        ConfigError: There is no such source, or the pipeline refuses.
        SpotStreamError: The pipeline does not answer, or fails.
    """
    try:
        absolute = absolute_location(os.fspath(location))
        # Checked here first: a mount that does not answer would block all supervision.
        expand_sources([absolute])
    except SourceError as error:
        raise ConfigError(str(error)) from None
    return _send(run, AddStream(absolute, name), list[str])


def remove_stream(run: RunInfo, name: str) -> None:
    """Ends a stream of a pipeline; its results are completed.

    Raises:
        ConfigError: The pipeline refuses.
        SpotStreamError: The pipeline does not answer, or fails.
    """
    _send(run, RemoveStream(name), type(None))


def describe(run: RunInfo) -> Overview:
    """Returns an overview of a pipeline.

    Raises:
        RunEndedError: The pipeline has ended.
        SpotStreamError: The pipeline does not answer, or fails.
    """
    return _send(run, Describe(), Overview)


def _send(run: RunInfo, command: Command, kind: type[_Result]) -> _Result:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(commands_endpoint(run.folder))
        socket.send(msgspec.msgpack.encode(command))
        _await_answer(run, socket)
        answer = _answers.decode(socket.recv())
    if isinstance(answer, Refused):
        raise ConfigError(answer.message)
    if isinstance(answer, CommandFailed):
        raise SpotStreamError(
            f"the pipeline with process id {run.pid} failed to do this: {answer.message}; "
            "its log shows where"
        )
    return msgspec.msgpack.decode(answer.result, type=kind)


def _await_answer(run: RunInfo, socket: zmq.Socket) -> None:
    for _ in range(_ANSWER_MS // _POLL_MS):
        if socket.poll(_POLL_MS):
            return
        if not is_locked(run.folder):
            raise RunEndedError(f"the pipeline with process id {run.pid} has ended")
    raise SpotStreamError(f"the pipeline with process id {run.pid} does not answer")
