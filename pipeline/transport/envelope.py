"""What one stage sends another: a record, and what travels with it."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stages.records import (
    Detections,
    Dropped,
    EndOfStream,
    Frame,
    StreamStart,
    Tracks,
    UInt8Array,
)
from stages.sink.crossings import Crossings
from stages.sink.ground import GroundPlaces
from stages.sink.zones import ZoneEvents

MAX_POSITION = 2**62
"""The greatest position, and the greatest channel, that a message may have."""


class Heartbeat(msgspec.Struct, frozen=True):
    """Published every second as long as the sink runs, whatever the cameras do."""

    stream: str = ""  # of none


Record: TypeAlias = (
    StreamStart
    | Frame
    | Detections
    | Tracks
    | Crossings
    | ZoneEvents
    | GroundPlaces
    | Dropped
    | EndOfStream
    | Heartbeat
)


class Envelope(msgspec.Struct, frozen=True, eq=False):
    """A record in transit, and what travels with it.

    Attributes:
        record: The record.
        slot: Slot of the frame ring that holds the pixels, even if they travel inline; None if
            there is no picture to draw.
        work_ns: Time each stage has worked on the frame, ns by stage name.
        pixels: Inline pixels, or None.
        channel: Number of the stream's ring, logbook and feedback; never used twice in a run.
        position: 0-based number of the record in the stream, whatever its kind; that of the latest
            record where something else is published of the stream; `MAX_POSITION` where that is
            not known.
        run: Name of the run that published it, "" for what is not published.
    """

    record: Record
    slot: int | None = None
    work_ns: dict[str, int] = {}
    pixels: UInt8Array | None = None
    channel: int = 0
    position: int = 0
    run: str = ""

    @property
    def stream(self) -> str:
        """Name of the stream."""
        record = self.record
        if isinstance(record, Frame):
            return record.header.stream
        return record.frame.stream if isinstance(record, Detections | Tracks) else record.stream
