"""Saves the state of a live stream's sink for a successor process."""

from __future__ import annotations

import contextlib
import errno
import time
from pathlib import Path

import msgspec

from pipeline.transport.messages import decode_extra, encode_extra
from stages.atomic import part_path, writing
from stages.errors import OutputError
from stages.sink.state import SinkState

_INTERVAL_NS = 1_000_000_000
_PAUSE_FACTOR = 9  # a stream waits for its checkpoints a tenth of the time at most
_LONGEST_PAUSE_NS = 60_000_000_000  # matters if the process was suspended meanwhile


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a sink that has processed all records before ``position``.

    Attributes:
        position: Position of the next record.
        sink: The state.
        lost: Number of frames missing from the state, because a power failure lost their rows.
    """

    position: int
    sink: SinkState
    lost: int = 0

    def save(self, path: Path) -> bool:
        """Replaces the file at ``path`` atomically, so that it is whole if the process is killed.

        Returns:
            False if too many files are open: some may be closed a second later.

        Raises:
            OutputError: The file cannot be written.
        """
        part = part_path(path)
        try:
            with writing(path):
                part.write_bytes(self._encoded)
                part.replace(path)
        except OutputError as error:
            with contextlib.suppress(OSError):
                part.unlink()  # on a full disk, other files need its space
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            return False
        return True

    @property
    def size(self) -> int:
        """Size of the file that `save` writes, bytes."""
        return len(self._encoded)

    @property
    def _encoded(self) -> bytes:
        return msgspec.msgpack.encode(self, enc_hook=encode_extra)

    @classmethod
    def load(cls, path: Path) -> Checkpoint | None:
        """Loads the checkpoint at ``path``; None if there is no file."""
        if not path.exists():
            return None
        return msgspec.msgpack.decode(path.read_bytes(), type=cls, dec_hook=decode_extra)


class CheckpointTimes:
    """Decides when checkpoints are due: every second, or less often if each takes long.

    Attributes:
        under_way: Whether a checkpoint has begun and not ended.
    """

    def __init__(self) -> None:
        self.under_way = False
        self._began = 0
        self._due = time.monotonic_ns() + _INTERVAL_NS

    def begin_if_due(self) -> None:
        """Begins the next checkpoint, if it is due and none is under way."""
        now = time.monotonic_ns()
        if not self.under_way and now > self._due:
            self.under_way = True
            self._began = now

    def end(self) -> None:
        """Ends the checkpoint that is under way."""
        now = time.monotonic_ns()
        pause = min(_PAUSE_FACTOR * (now - self._began), _LONGEST_PAUSE_NS)
        self.under_way = False
        self._due = now + max(_INTERVAL_NS, pause)
