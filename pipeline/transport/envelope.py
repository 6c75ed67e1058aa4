"""The envelope in which a record travels from one stage to another."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stages.measurements import Crossings, GroundPlaces, ZoneEvents
from stages.records import (
    Detections,
    Dropped,
    EndOfStream,
    Frame,
    StreamStart,
    Tracks,
    UInt8Array,
)

MAX_POSITION = 2**62
"""Largest position, and largest channel, that a message may have."""


class Heartbeat(msgspec.Struct, frozen=True):
    """Published every second while the sink runs, even if no camera delivers frames."""

    stream: str = ""  # belongs to no stream


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
    """A record in transit, with the data that accompanies it.

    Attributes:
        record: The record.
        slot: Slot of the frame ring that holds the pixels, even if they travel inline; None if
            there is no picture to draw.
        work_ns: Time that each stage has spent on the frame, ns by stage name.
        pixels: Inline pixels, or None.
        channel: Number of the stream's ring, logbook and feedback; never reused within a run.
        position: 0-based index of the record in the stream, counting records of every kind.
            Anything else that is published for the stream has the position of the latest record,
            or `MAX_POSITION` where that is unknown.
        run: Name of the run that published the record; "" if it is not published.
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
