"""Detection of published records that did not arrive."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from pipeline.transport.envelope import MAX_POSITION, Envelope
from stages.records import EndOfStream, StreamStart
from stages.wording import counted

_SILENT_SECONDS = 60.0
_REASON = "this watch or the network was too slow, or the connection broke off"


class MissedRecords:
    """Counts the missed records of each stream by the gaps between the positions of the others.

    Counting begins at the stream's start record, since a new subscriber does not get earlier
    records. Missed records are reported on standard error, at most once a minute per stream.

    Args:
        monotonic: Returns a monotonic time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # The keys are streams.
        self._latest: dict[str, _Position] = {}
        self._unreported: dict[str, int] = {}
        self._reported_at: dict[str, float] = {}

    def before(self, envelope: Envelope) -> int:
        """Returns how many records are missing just before this one.

        Must be called with every envelope, in order of arrival.
        """
        stream, record = envelope.stream, envelope.record
        current = _Position(envelope.run, envelope.channel, envelope.position)
        latest = self._latest.get(stream)
        if latest is None or latest[:2] != current[:2]:
            if isinstance(record, StreamStart):  # else we joined late, or an earlier run left it
                self._latest[stream] = current
            return 0
        if isinstance(record, EndOfStream):
            del self._latest[stream]
        else:
            self._latest[stream] = current
        missed = current.position - latest.position - 1
        if missed <= 0 or current.position == MAX_POSITION:
            return 0
        self._unreported[stream] = self._unreported.get(stream, 0) + missed
        self.report_due()
        return missed

    def report_due(self) -> None:
        """Reports missed records that are due to be reported; call it often."""
        now = self._monotonic()
        for stream, reported_at in list(self._reported_at.items()):
            if now - reported_at >= _SILENT_SECONDS:
                del self._reported_at[stream]
        for stream in self._unreported.keys() - self._reported_at:
            self._reported_at[stream] = now
            self._report(stream)

    def close(self) -> None:
        """Reports the missed records that were not reported yet."""
        for stream in list(self._unreported):
            self._report(stream)

    def _report(self, stream: str) -> None:
        missed = counted(self._unreported.pop(stream), "record", form=",")
        print(f"{stream}: {missed} missed: {_REASON}", file=sys.stderr, flush=True)


class _Position(NamedTuple):
    run: str
    channel: int
    position: int
