"""Records on their way to the detectors, each in the logbook before it is sent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import zmq
from msgspec.structs import replace

from pipeline.transport.flow import Departure
from pipeline.transport.link import LeastLoadedSender
from pipeline.transport.logbook import Logbook, SharedCounter
from pipeline.transport.messages import Envelope, decode, encode
from pipeline.transport.ring import FrameRing
from stages.decoder.motion import MotionChain
from stages.errors import SourceError
from stages.records import Dropped, Float32Array, Frame, FrameHeader


class Dispatcher:
    """Sends the records of a stream, and sends again what was lost; not thread-safe.

    Args:
        context: ZeroMQ's.
        detectors: Their endpoints.
        channel: The stream's.
        logbook: The stream's.
        ring: Where the pixels lie that travel with the messages; None where they stay there.
        motions: Of the stream's camera.
    """

    def __init__(
        self,
        context: zmq.Context,
        detectors: Sequence[str],
        channel: int,
        logbook: Logbook,
        ring: FrameRing | None,
        motions: MotionChain,
    ) -> None:
        self._sender = LeastLoadedSender(context, detectors)
        self._channel = channel
        self._logbook = logbook
        self._ring = ring
        self._motions = motions
        self._work_ns: dict[int, int] = {}

    def prepare(self, sequence: int, work_ns: int, motion: Float32Array | None) -> None:
        """What the frame of that number will take with it, if it is not dropped."""
        self._work_ns[sequence] = work_ns
        self._motions.add(sequence, motion)

    def send(self, departure: Departure) -> None:
        """Keeps the record in the logbook, and sends it.

        Raises:
            SourceError: It is too long to be kept.
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
                for number in range(item.first, item.last + 1):
                    self._work_ns.pop(number, None)
                self._motions.dropped(item.first, item.last)
                accounted = item.last + 1
        parts = encode(envelope)
        message = msgspec.msgpack.encode(parts)
        if not self._logbook.keep(position, message):
            raise SourceError(f"{envelope.stream}: a record of {len(message)} bytes is too long")
        if accounted is not None:
            self._logbook[SharedCounter.ACCOUNTED] = accounted
        self._sender.send(position, self._with_pixels(parts))

    def resend(self, worker: int | None) -> None:
        """Sends again what went to that detector (None: to any) and is not acknowledged."""
        for position, message in self._logbook.unacknowledged():
            if self._sender.went_to(position, worker):
                self._sender.send(position, self._with_pixels(msgspec.msgpack.decode(message)))

    def acknowledge(self, unacknowledged: list[int]) -> None:
        """Only these positions are still on their way."""
        self._sender.acknowledge(unacknowledged)

    def close(self) -> None:
        """Closes the sockets."""
        self._sender.close()

    def _with_pixels(self, parts: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """The message as it travels; the logbook has none of the pixels, which the slot holds."""
        if self._ring is None:
            return parts
        envelope = decode(parts)
        if not isinstance(envelope.record, Frame):
            return parts
        assert envelope.slot is not None
        pixels = self._ring.slot(envelope.slot, envelope.record.header.shape)
        return encode(replace(envelope, pixels=pixels))
