"""The journal of a stream: what the sink received, for a successor process to replay.

For a lossless stream it holds everything, for a live one what arrived since the latest checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.transport.messages import Envelope, decode
from stages.sink.journal import Journal, read_journal


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An envelope, without pixels, and its time of arrival.

    Attributes:
        envelope: The envelope; it has a slot if there were pixels.
        parts: Its message.
        now_ns: Wall clock at arrival, ns since the epoch.
        end: Offset in the journal at which the next entry begins, bytes.
    """

    envelope: Envelope
    parts: Sequence[bytes]
    now_ns: int
    end: int


def append_envelope(journal: Journal, parts: Sequence[bytes | memoryview], now_ns: int) -> None:
    """Appends an encoded envelope.

    Raises:
        OutputError: The journal cannot be written.
    """
    journal.append(msgspec.msgpack.encode((now_ns, parts)))


def read_envelopes(path: Path) -> Iterator[Entry]:
    """Yields all whole entries of the journal at ``path``; none if there is no file."""
    for entry, end in read_journal(path):
        now_ns, parts = msgspec.msgpack.decode(entry)
        yield Entry(decode(parts), parts, now_ns, end)
