"""``spotstream watch``: published tracks as lines of text."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.transport.broadcast import Subscription
from pipeline.transport.messages import Record
from stages.records import Dropped, EndOfStream, StreamStart, Tracks
from stages.sink.mot import mot_rows
from stages.sink.times import utc_time
from stages.wording import counted

_SILENCE = 5.0
"""Seconds without anything to print after which this is said."""


def watch(
    address: str, stream: str, key: Path | None, server_key: Path | None, *, as_json: bool = False
) -> None:
    """Prints each track as ``stream,`` and a MOTChallenge row, or as JSON, until Ctrl-C.

    Dropped frames and ends of streams are reported on standard error, and each silence of some
    seconds: ZeroMQ does not tell a wrong address or key from a pipeline yet to start.
    """
    silence = _Silence(f"of stream {stream} " if stream else "", address, has_key=key is not None)
    class_names: dict[str, tuple[str, ...]] = {}
    with Subscription(address, key, server_key) as subscription:
        while True:
            envelope = subscription.receive(_SILENCE)
            if envelope is None or (stream and envelope.stream != stream):
                silence.look()
                continue
            silence.end()
            record = envelope.record
            if isinstance(record, StreamStart):
                class_names[record.stream] = record.class_names
            elif isinstance(record, Tracks):
                names = class_names[record.frame.stream]
                for line in _json_lines(record, names) if as_json else _mot_lines(record):
                    print(line, flush=True)
            else:
                _report(record)


class _Silence:
    """Says once that nothing has come for a while."""

    def __init__(self, of: str, address: str, *, has_key: bool) -> None:
        self._what = f"nothing {of}from {address}"
        self._keys = "with these keys" if has_key else "without keys"
        self._since = time.monotonic()
        self._has_heard = self._is_told = False

    def end(self) -> None:
        """Something has come."""
        self._since = time.monotonic()
        self._has_heard, self._is_told = True, False

    def look(self) -> None:
        """Says so if nothing has come for long."""
        if self._is_told or time.monotonic() - self._since < _SILENCE:
            return
        self._is_told = True
        if self._has_heard:
            line = f"{self._what} for {_SILENCE:g} s; has its source or the pipeline stopped?"
        else:
            line = (
                f"{self._what} yet; is a pipeline running, and is its runtime.publish this "
                f"address, {self._keys}?"
            )
        print(f"{line} Still waiting", file=sys.stderr, flush=True)


def _report(record: Record) -> None:
    if isinstance(record, Dropped):
        frames = counted(record.last - record.first + 1, "frame")
        print(f"{record.stream}: {frames} dropped: {record.reason}", file=sys.stderr)
    elif isinstance(record, EndOfStream):
        print(f"{record.stream}: ended: {record.message or record.reason.value}", file=sys.stderr)


def _mot_lines(tracks: Tracks) -> Iterator[str]:
    for row in mot_rows(tracks, tracks.frame.number).splitlines():
        yield f"{tracks.frame.stream},{row}"


def _json_lines(tracks: Tracks, class_names: Sequence[str]) -> Iterator[str]:
    """Yields a JSON object per track; ``time`` is when its frame was decoded."""
    frame = {
        "stream": tracks.frame.stream,
        "frame": tracks.frame.number,
        "time": utc_time(tracks.frame.captured_ns),
    }
    boxes = tracks.boxes.astype(np.float64).round(2).tolist()
    scores = tracks.scores.astype(np.float64).round(4).tolist()
    columns = zip(tracks.ids.tolist(), boxes, scores, tracks.classes.tolist(), strict=True)
    for identity, box, score, number in columns:
        track = {"id": identity, "box": box, "score": score, "class": number}
        if number < len(class_names):
            track["class_name"] = class_names[number]
        yield json.dumps(frame | track, ensure_ascii=False)
