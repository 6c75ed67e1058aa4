"""``spotstream watch``: published tracks as lines of text."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.transport.broadcast import subscribe
from stages.records import Dropped, EndOfStream, Tracks
from stages.sink.mot import mot_rows
from stages.sink.times import utc_time
from stages.wording import counted

_SILENCE = 5.0
"""Seconds without anything to print after which this is said."""


def watch(
    address: str, stream: str, key: Path | None, server_key: Path | None, *, as_json: bool = False
) -> None:
    """Prints each track as ``stream,`` and a MOTChallenge row, or as JSON, until Ctrl-C.

    Dropped frames and ends of streams are reported on standard error, and once if nothing has come
    for some seconds: ZeroMQ does not tell a wrong address or key from a pipeline yet to start.
    """
    lines = _json_lines if as_json else _mot_lines
    what = f"nothing of stream {stream}" if stream else "nothing"
    hint = f"is its runtime.publish this address, with{' these' if key else 'out'} keys?"
    message = f"{what} from {address} yet; is a pipeline running, and {hint} Still waiting"
    alarm = threading.Timer(_SILENCE, print, (message,), {"file": sys.stderr, "flush": True})
    alarm.daemon = True
    alarm.start()
    for envelope in subscribe(address, key, server_key):
        record = envelope.record
        if stream and envelope.stream != stream:
            continue
        alarm.cancel()
        if isinstance(record, Tracks):
            for line in lines(envelope.stream, record):
                print(line, flush=True)
        elif isinstance(record, Dropped):
            frames = counted(record.last - record.first + 1, "frame")
            print(f"{envelope.stream}: {frames} dropped: {record.reason}", file=sys.stderr)
        elif isinstance(record, EndOfStream):
            reason = record.message or record.reason.value
            print(f"{envelope.stream}: ended: {reason}", file=sys.stderr)


def _mot_lines(stream: str, tracks: Tracks) -> Iterator[str]:
    for row in mot_rows(tracks, tracks.frame.number).splitlines():
        yield f"{stream},{row}"


def _json_lines(stream: str, tracks: Tracks) -> Iterator[str]:
    """Yields a JSON object per track; ``time`` is when its frame was captured."""
    frame = {
        "stream": stream,
        "frame": tracks.frame.number,
        "time": utc_time(tracks.frame.captured_ns),
    }
    boxes = tracks.boxes.astype(np.float64).round(2).tolist()
    scores = tracks.scores.astype(np.float64).round(4).tolist()
    columns = zip(tracks.ids.tolist(), boxes, scores, tracks.classes.tolist(), strict=True)
    for identity, box, score, number in columns:
        track = {"id": identity, "box": box, "score": score, "class": number}
        yield json.dumps(frame | track, ensure_ascii=False)
