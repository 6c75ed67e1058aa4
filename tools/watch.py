"""``spotstream watch``: published tracks as lines of text."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.transport.broadcast import subscribe
from stages.records import Dropped, EndOfStream, Tracks
from stages.sink.mot import mot_rows


def watch(address: str, stream: str, key: Path | None, server_key: Path | None) -> None:
    """Prints each track as ``stream,`` and a MOTChallenge row, until Ctrl-C.

    Drops and ends of streams go to standard error.
    """
    for envelope in subscribe(address, key, server_key):
        record = envelope.record
        if stream and envelope.stream != stream:
            continue
        if isinstance(record, Tracks):
            rows = mot_rows(record, record.frame.number).splitlines()
            print("\n".join(f"{envelope.stream},{row}" for row in rows), end="\n" * bool(rows))
            sys.stdout.flush()
        elif isinstance(record, Dropped):
            count = record.last - record.first + 1
            print(f"{envelope.stream}: {count} frames dropped: {record.reason}", file=sys.stderr)
        elif isinstance(record, EndOfStream):
            reason = record.message or record.reason.value
            print(f"{envelope.stream}: ended: {reason}", file=sys.stderr)
