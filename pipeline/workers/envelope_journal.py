"""The journal of a stream: the envelopes that the sink received, for a successor to replay.

A lossless stream's journal holds all of them, a live stream's those since the latest checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from pipeline.transport.envelope import Envelope
from pipeline.transport.messages import decode
from stages.sink.journal import Journal, read_journal
from stages.sink.timing import Written

_Content: TypeAlias = tuple[Written | None, list[bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An envelope, without pixels.

    Attributes:
        envelope: The envelope; it has a slot if there were pixels.
        parts: The encoded envelope.
        written: When its results were written; None if it is not a frame.
        end: Offset in the journal at which the next entry begins, bytes.
    """

    envelope: Envelope
    parts: Sequence[bytes]
    written: Written | None
    end: int


def append_envelope(
    journal: Journal, parts: Sequence[bytes | memoryview], written: Written | None
) -> None:
    """Appends an encoded envelope and the time at which its results are written.

    Raises:
        OutputError: The journal cannot be written.
    """
    journal.append(msgspec.msgpack.encode((written, parts)))


def read_envelopes(path: Path) -> Iterator[Entry]:
    """Yields all complete entries of the journal at ``path``; none if there is no file."""
    for entry, end in read_journal(path):
        written, parts = msgspec.msgpack.decode(entry, type=_Content)
        yield Entry(decode(parts), parts, written, end)
