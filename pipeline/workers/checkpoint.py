"""Saves the state of a live stream's sink for a successor process."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.transport.messages import decode_extra, encode_extra
from stages.atomic import part_path, writing
from stages.sink.state import SinkState


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a sink that has processed all records before ``position``."""

    position: int
    sink: SinkState

    def save(self, path: Path) -> None:
        """Replaces the file at ``path`` atomically, so that it is whole if the process is killed.

        Raises:
            OutputError: The file cannot be written.
        """
        with writing(path):
            part_path(path).write_bytes(msgspec.msgpack.encode(self, enc_hook=encode_extra))
            part_path(path).replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint | None:
        """Loads the checkpoint at ``path``; None if there is no file."""
        if not path.exists():
            return None
        return msgspec.msgpack.decode(path.read_bytes(), type=cls, dec_hook=decode_extra)
