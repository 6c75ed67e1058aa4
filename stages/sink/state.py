"""The state of a stream's sink, for its successor."""

from __future__ import annotations

from dataclasses import dataclass

from stages.records import StreamStart
from stages.sink.crossings import LineCounterState
from stages.sink.ledger import LedgerState
from stages.sink.numbering import NumberingState
from stages.sink.overlay_parts import OverlayPartsState
from stages.sink.text_results import TextState
from stages.sink.timing import TimingState


@dataclass(frozen=True, slots=True)
class SinkState:
    """The state of a `StreamSink`: all that its successor needs to continue."""

    start: StreamStart
    epochs: int
    texts: TextState
    overlays: OverlayPartsState
    numbering: NumberingState
    ledger: LedgerState
    timing: TimingState
    crossings: LineCounterState
