"""The state of a stream's sink, for its successor."""

from __future__ import annotations

from dataclasses import dataclass

from stages.records import StreamStart
from stages.sink.counting import CountingState
from stages.sink.ledger import FrameLedger
from stages.sink.overlay_parts import OverlayPartsState
from stages.sink.text_results import TextState
from stages.sink.timing import StreamTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """The state of a `StreamResults`, from which its successor continues.

    Its contents keep changing with the sink: save or copy it before the next record.
    """

    start: StreamStart
    epochs: int
    texts: TextState
    overlays: OverlayPartsState
    last_number: int
    ledger: FrameLedger
    timing: StreamTiming
    counting: CountingState
