"""Sends records to the detectors, after keeping each one in the logbook."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import zmq
from msgspec.structs import replace

from pipeline.transport.envelope import Envelope
from pipeline.transport.flow import Departure
from pipeline.transport.link import LeastLoadedSender
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import decode, encode
from pipeline.transport.ring import FrameRing
from stages.errors import SourceError
from stages.records import Dropped, Frame, FrameHeader


class Dispatcher:
    """Sends the records of a stream, and resends what was lost; not thread-safe.

    Args:
        context: ZeroMQ context.
        detectors: Endpoints of the detectors.
        channel: The stream's channel.
        logbook: The stream's logbook.
        ring: Ring whose pixels travel inline in the messages; None if they stay in the ring.
    """

    def __init__(
        self,
        context: zmq.Context,
        detectors: Sequence[str],
        channel: int,
        logbook: Logbook,
        ring: FrameRing | None,
    ) -> None:
        self._sender = LeastLoadedSender(context, detectors)
        self._channel = channel
        self._logbook = logbook
        self._ring = ring

    def send(self, departure: Departure) -> None:
        """Keeps the record in the logbook, and sends it.

        Raises:
            SourceError: The record is too long for the logbook.
        """
        item, position = departure.item, departure.position
        accounted = None
        if isinstance(item, FrameHeader):
            work_ns = {"decoder": departure.work_ns}
            frame = Frame(item, None, departure.motion)
            envelope = Envelope(frame, departure.slot, work_ns, None, self._channel, position)
            accounted = item.sequence + 1
        else:
            envelope = Envelope(item, channel=self._channel, position=position)
            if isinstance(item, Dropped):
                accounted = item.last + 1
        parts = encode(envelope)
        message = msgspec.msgpack.encode(parts)
        if not self._logbook.keep(position, message):
            raise SourceError(f"{envelope.stream}: a record of {len(message)} bytes is too long")
        if accounted is not None:
            self._logbook[SharedNumber.ACCOUNTED] = accounted
        self._sender.send(position, self._with_pixels(parts))

    def resend(self, worker: int | None) -> None:
        """Resends unacknowledged records that were sent to detector ``worker`` (None: any)."""
        for position, message in self._logbook.unacknowledged():
            if self._sender.went_to(position, worker):
                self._sender.send(position, self._with_pixels(msgspec.msgpack.decode(message)))

    def acknowledge(self, position: int) -> None:
        """Marks all positions below ``position`` as acknowledged."""
        self._sender.acknowledge(position)

    def close(self) -> None:
        """Closes the sockets."""
        self._sender.close()

    def _with_pixels(self, parts: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """Returns the message as sent: with inline pixels, which the logbook does not hold."""
        if self._ring is None:
            return parts
        envelope = decode(parts)
        if not isinstance(envelope.record, Frame):
            return parts
        assert envelope.slot is not None
        pixels = self._ring.slot(envelope.slot, envelope.record.header.shape)
        return encode(replace(envelope, pixels=pixels))
