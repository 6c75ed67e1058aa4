"""Pixels of a stream's frames, which travel in the messages or in the stream's ring."""

from __future__ import annotations

from pipeline.transport.envelope import Envelope
from pipeline.transport.ring import FrameRing
from stages.records import FrameHeader, UInt8Array


class PixelReader:
    """Finds the pixels of the frames of one stream.

    Args:
        ring: Path of the stream's ring.
    """

    def __init__(self, ring: str) -> None:
        self._ring = FrameRing(ring)

    def of(self, frame: FrameHeader, envelope: Envelope) -> UInt8Array | None:
        """Returns the pixels of the frame in the envelope; None if it has none.

        Raises:
            ValueError: They should be in a slot outside the ring.
        """
        if envelope.pixels is not None or envelope.slot is None:
            return envelope.pixels
        return self._ring.slot(envelope.slot, frame.shape)

    def close(self) -> None:
        """Closes the ring; the pixels must not be used any more."""
        self._ring.close()
