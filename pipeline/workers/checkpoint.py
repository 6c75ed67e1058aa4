"""Where the sink of a live stream was, for the process after it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.transport.messages import decode_extra, encode_extra
from stages.atomic import output_error, part_path
from stages.sink.state import SinkState


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a sink that has taken all records before ``position``."""

    position: int
    sink: SinkState

    def save(self, path: Path) -> None:
        """Replaces the file at ``path``, which is whole whenever this process is killed.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            part_path(path).write_bytes(msgspec.msgpack.encode(self, enc_hook=encode_extra))
            part_path(path).replace(path)
        except OSError as error:
            raise output_error(path, error) from error

    @classmethod
    def load(cls, path: Path) -> Checkpoint | None:
        """The one at ``path``; None where there is no file."""
        if not path.exists():
            return None
        return msgspec.msgpack.decode(path.read_bytes(), type=cls, dec_hook=decode_extra)
