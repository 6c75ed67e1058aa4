"""Where the sink of a stream is: for those who watch it, and for the one after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stages.records import StreamStart
from stages.sink.latency import LatencyHistogram, LatencyState
from stages.sink.ledger import LedgerState
from stages.sink.overlay_parts import OverlayPartsState


@dataclass(frozen=True, slots=True)
class StreamCounters:
    """How a stream goes.

    Attributes:
        frames: Frames written.
        dropped: Dropped frames by reason.
        latency: Capture to results.
        stages: Each stage's work on a frame.
    """

    frames: int
    dropped: dict[str, int]
    latency: LatencyHistogram
    stages: Mapping[str, LatencyHistogram]


@dataclass(frozen=True, slots=True)
class SinkState:
    """Where a `StreamSink` is: all that one after it needs to go on."""

    start: StreamStart
    epochs: int
    sizes: tuple[int, int]
    overlays: OverlayPartsState
    ledger: LedgerState
    latency: LatencyState
    work: dict[str, LatencyState]
    first_ns: int | None
    last_ns: int
    number: int
    renumbering: int
    numbered_epoch: int
