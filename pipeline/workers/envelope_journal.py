"""The journal of a stream: what the sink was given, for whoever must live it again.

Of a lossless stream it holds everything, of a live one what came since the latest checkpoint.
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
    """An envelope, without pixels, and when it came.

    Attributes:
        envelope: The envelope; a slot says that there were pixels.
        now_ns: Wall clock, ns since the epoch.
        end: Where in the journal the next entry begins.
    """

    envelope: Envelope
    now_ns: int
    end: int


def append_envelope(journal: Journal, parts: Sequence[bytes | memoryview], now_ns: int) -> None:
    """Appends an encoded envelope.

    Raises:
        OutputError: The journal cannot be written.
    """
    journal.append(msgspec.msgpack.encode((now_ns, parts)))


def read_envelopes(path: Path) -> Iterator[Entry]:
    """All whole entries of the journal at ``path``; none where there is no file."""
    for entry, end in read_journal(path):
        now_ns, parts = msgspec.msgpack.decode(entry)
        yield Entry(decode(parts), now_ns, end)
