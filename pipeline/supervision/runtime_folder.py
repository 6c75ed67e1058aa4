"""The folder of a running pipeline: its sockets, and links to the memory of its streams."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from pipeline.addresses import memory_path
from pipeline.transport.logbook import Logbook
from pipeline.transport.ring import create_memory_file
from stages.errors import ConfigError, reason_of, unreadable_name

_PREFIX = "spotstream-"
_LOCK = "lock"
_LONGEST_SOCKET = "/ack-99999999"
_ADVICE = "set TMPDIR to"


class RuntimeFolder:
    """A folder that only its owner can enter (mode 0700), removed when the run ends.

    Its lock is held as long as the process lives. Folders left behind by runs whose supervisor was
    killed are removed when the next run starts. The folder itself is locked as well: otherwise
    systemd-tmpfiles, where it cleans ``/tmp``, would remove the contents after ten days.

    Args:
        output: The results folder, recorded for `running`.

    Raises:
        ConfigError: The folder cannot be created, the paths of its sockets would be too long, or a
            path is not UTF-8.
    """

    def __init__(self, output: str) -> None:
        if problem := unreadable_name(output):
            raise ConfigError(f"{problem}, or choose another --output")
        if problem := unreadable_name(str(_base())):
            raise ConfigError(f"{problem}, or {_ADVICE} another folder")
        for folder in _folders():
            if not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)
        try:
            self._make(output)
        except OSError as error:
            raise ConfigError(
                f"cannot make a folder for the run in {_base()}: {reason_of(error)}; "
                f"{_ADVICE} another folder"
            ) from error
        self._memory: dict[int, list[int]] = {}

    def _make(self, output: str) -> None:
        hidden = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=_base()))
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, hidden, ignore_errors=True)
            path = hidden.with_name(hidden.name[1:])
            if len(os.fsencode(path)) + len(_LONGEST_SOCKET) > zmq.IPC_PATH_MAX_LEN:
                raise ConfigError(
                    f"{path.parent} is too long a name for sockets to be there; {_ADVICE} a "
                    "folder with a shorter one"
                )
            self._lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
            undo.callback(os.close, self._lock)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._folder_lock = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            undo.callback(os.close, self._folder_lock)
            fcntl.flock(self._folder_lock, fcntl.LOCK_EX)
            os.write(self._lock, msgspec.json.encode({"pid": os.getpid(), "output": output}))
            # It stays hidden until it is locked: otherwise another run that starts would consider
            # it left behind and remove it.
            self.path = str(hidden.rename(path))
            undo.pop_all()

    def add_stream(self, channel: int, name: str, *, entries: int, lossless: bool) -> Logbook:
        """Creates the ring and the logbook of a stream; returns the logbook."""
        descriptors = self._memory[channel] = []
        for kind in ("ring", "logbook"):
            descriptor, path = create_memory_file(name)
            descriptors.append(descriptor)
            Path(memory_path(self.path, kind, channel)).symlink_to(path)
        return Logbook.create(
            memory_path(self.path, "logbook", channel),
            stream=name,
            entries=entries,
            lossless=lossless,
        )

    def remove_stream(self, channel: int) -> None:
        """Releases the memory of a stream; processes that have it open keep it until they end."""
        # The logbook first: a process that finds no ring then finds no logbook, and knows why.
        for kind in ("logbook", "ring"):
            Path(memory_path(self.path, kind, channel)).unlink(missing_ok=True)
        Path(self.path, f"ack-{channel}").unlink(missing_ok=True)  # ZeroMQ does not remove it
        for descriptor in self._memory.pop(channel, ()):
            os.close(descriptor)

    def close(self) -> None:
        """Removes the folder."""
        for channel in list(self._memory):
            self.remove_stream(channel)
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._folder_lock)
        os.close(self._lock)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A running pipeline: its supervisor's process id, results folder and runtime folder."""

    pid: int
    output: str
    folder: Path


def running() -> list[RunInfo]:
    """Returns this user's running pipelines."""
    runs = []
    for folder in _folders():
        if is_locked(folder):
            with contextlib.suppress(OSError, msgspec.DecodeError, KeyError):
                info = msgspec.json.decode((folder / _LOCK).read_bytes())
                runs.append(RunInfo(info["pid"], info["output"], folder))
    return runs


def is_locked(folder: Path) -> bool:
    """Returns whether the run that owns a folder is still running."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # such as too many open files
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others check, too
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def writer_of(folder: Path) -> str:
    """Describes the process that writes to a results folder, with its id if it is known."""
    for run in running():
        with contextlib.suppress(OSError):
            if folder.samefile(run.output):
                return f"process {run.pid}"
    return "another process"


def unusable_temporary_folder() -> str:
    """Returns a warning if ``TMPDIR`` cannot be used, naming the folder used instead, or "".

    Raises:
        ConfigError: There is no folder for temporary files.
    """
    wanted, used = os.environ.get("TMPDIR"), _base()
    with contextlib.suppress(OSError):
        if not wanted or used.samefile(wanted):
            return ""
    return f"TMPDIR={wanted} is not a folder that can be written to; {used} is used instead"


def _base() -> Path:
    # Not $XDG_RUNTIME_DIR: it is removed when its user logs out, and a run may go on.
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise ConfigError(f"there is no folder for temporary files; {_ADVICE} one") from None


def _folders() -> list[Path]:
    return [folder for folder in sorted(_base().glob(f"{_PREFIX}*")) if _is_mine(folder)]


def _is_mine(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.getuid() and (folder / _LOCK).exists()
    except OSError:  # its run has just ended
        return False
