"""Pixels of a stream's frames, which travel in the messages or in the stream's ring."""

from __future__ import annotations

from pipeline.transport.envelope import Envelope
from pipeline.transport.ring import FrameRing
from stages.records import FrameHeader, UInt8Array


def pixels_of(frame: FrameHeader, envelope: Envelope, ring: FrameRing) -> UInt8Array | None:
    """Returns the pixels of the frame in the envelope; None if it has none.

    Raises:
        ValueError: They should be in a slot outside the ring.
    """
    if envelope.pixels is not None or envelope.slot is None:
        return envelope.pixels
    return ring.slot(envelope.slot, frame.shape)
