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
from pipeline.workers.motion_chain import MotionChain
from stages.errors import SourceError
from stages.records import Dropped, Float32Array, Frame, FrameHeader


class Dispatcher:
    """Sends the records of a stream, and resends what was lost; not thread-safe.

    Args:
        context: ZeroMQ context.
        detectors: Endpoints of the detectors.
        channel: The stream's channel.
        logbook: The stream's logbook.
        ring: Ring whose pixels travel inline in the messages; None if they stay in the ring.
        motions: Motions of the stream's camera.
        slots: Maximum number of frames that can wait to be sent.
    """

    def __init__(
        self,
        context: zmq.Context,
        detectors: Sequence[str],
        channel: int,
        logbook: Logbook,
        ring: FrameRing | None,
        motions: MotionChain,
        slots: int,
    ) -> None:
        self._sender = LeastLoadedSender(context, detectors)
        self._channel = channel
        self._logbook = logbook
        self._ring = ring
        self._motions = motions
        self._slots = slots
        self._work_ns: dict[int, int] = {}

    def prepare(self, sequence: int, work_ns: int, motion: Float32Array | None) -> None:
        """Sets the data to send with frame number ``sequence``, unless that frame is dropped."""
        self._work_ns[sequence] = work_ns
        self._motions.add(sequence, motion)
        if len(self._work_ns) > self._slots:  # the oldest was dropped; its record may wait for long
            oldest = next(iter(self._work_ns))
            self._forget(oldest, oldest)

    def _forget(self, first: int, last: int) -> None:
        for number in [number for number in self._work_ns if first <= number <= last]:
            del self._work_ns[number]
            self._motions.dropped(number)

    def send(self, departure: Departure) -> None:
        """Keeps the record in the logbook, and sends it.

        Raises:
            SourceError: The record is too long for the logbook.
        """
        item, position = departure.item, departure.position
        accounted = None
        if isinstance(item, FrameHeader):
            work_ns = {"decoder": self._work_ns.pop(item.sequence, 0)}
            frame = Frame(item, None, self._motions.sent(item.sequence))
            envelope = Envelope(frame, departure.slot, work_ns, None, self._channel, position)
            accounted = item.sequence + 1
        else:
            envelope = Envelope(item, channel=self._channel, position=position)
            if isinstance(item, Dropped):
                self._forget(item.first, item.last)
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
