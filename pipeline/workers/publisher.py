"""How frames leave the decoder: into slots of a ring, sent, and kept until acknowledged."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import msgspec
import numpy as np
import zmq
from msgspec.structs import replace

from pipeline.config import RunConfig
from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.transport.flow import Departure, FlowControl, StreamEvent
from pipeline.transport.link import WAITING_MESSAGES, LeastLoadedSender
from pipeline.transport.logbook import ENTRY_BYTES, Logbook, SharedCounter
from pipeline.transport.messages import (
    Acknowledged,
    Envelope,
    MessageError,
    decode,
    decode_feedback,
    encode,
)
from pipeline.transport.ring import FrameRing
from stages.decoder.motion import STILL, composed
from stages.errors import SourceError
from stages.records import (
    Dropped,
    EndOfStream,
    Float32Array,
    Frame,
    FrameHeader,
    UInt8Array,
)

RESTARTED = "decoder restarted"
"""Why frames that waited in a decoder that died are dropped in live mode."""


class FramePublisher:
    """Lends slots to the source, sends what it filled, takes slots back; a `FrameAllocator`.

    What an earlier decoder of the stream sent and nobody acknowledged is sent again at once, out of
    the slots where it still lies.

    Attributes:
        skip: Records that the source will give again and that need not be published.
        given: Frames given out before this decoder.
        ended: Whether the end of the stream was sent already.

    Args:
        plan: The plan of the decoder's process.
        context: ZeroMQ's.
        config: The configuration.
        reporter: Told that the process is alive while it waits.
        resumes: Whether the source goes on where it was; otherwise it starts anew.
        stop: Set where the process was told to stop.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        context: zmq.Context,
        config: RunConfig,
        reporter: Reporter,
        resumes: bool,
        stop: threading.Event,
    ) -> None:
        stream = plan.streams[0]
        runtime = config.runtime
        self._channel = stream.channel
        self._slots = runtime.slots
        self._inline = runtime.frames == "inline"
        self._logbook = Logbook(plan.logbook(stream.channel))
        self._ring = FrameRing(plan.ring(stream.channel))
        self._reporter = reporter
        self._stop = stop

        lossless = bool(self._logbook[SharedCounter.LOSSLESS])
        sent = {position: _read(message) for position, message in self._logbook.unacknowledged()}
        position = max(sent) + 1 if sent else self._logbook[SharedCounter.ACKNOWLEDGED]
        self._flow = FlowControl(
            runtime.slots,
            runtime.slots if lossless else min(runtime.in_flight, runtime.slots - 1),
            live=not lossless,
            window=self._logbook[SharedCounter.ENTRIES],
            sent={number: envelope.slot for number, envelope in sent.items()},
            position=position,
        )
        last = self._logbook.message(position - 1) if position else None
        self.ended = last is not None and isinstance(_read(last).record, EndOfStream)
        self.given = self._logbook[SharedCounter.ACCOUNTED]
        self.skip = 0 if resumes else position
        if resumes or not lossless:  # what waited is lost
            self.skip = 0 if resumes else self._logbook[SharedCounter.TAKEN]
            self._announce_lost(stream.name)

        self._slot: tuple[int, UInt8Array] | None = None
        self._slot_bytes = self._logbook[SharedCounter.SLOT_BYTES]
        self._waited_ns = 0
        self._work_ns: dict[int, int] = {}
        self._motions: dict[int, Float32Array | None] = {}
        # What a live decoder before this one knew of its camera is lost.
        self._motion_of_dropped = STILL if lossless or not position else None
        self._closing = False
        self._error: Exception | None = None
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._feedback = context.socket(zmq.PULL)
        self._feedback.rcvhwm = WAITING_MESSAGES
        self._feedback.maxmsgsize = ENTRY_BYTES
        self._feedback.bind(plan.endpoint(f"ack-{stream.channel}"))
        self._sender = LeastLoadedSender(
            context, [plan.endpoint(f"detector-{n}") for n in range(config.detector.workers)]
        )
        self._sending = threading.Lock()  # of the sockets to the detectors, and of the order
        self._resend(None)
        self._thread = threading.Thread(target=self._send_all, name="sender")
        self._thread.start()

    def _announce_lost(self, stream: str) -> None:
        following = self._logbook[SharedCounter.SEQUENCE]
        if self.given < following and not self.ended:
            epoch = self._logbook[SharedCounter.EPOCHS] - 1
            self._flow.announce(Dropped(stream, epoch, self.given, following - 1, RESTARTED))
            self.given = following

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `FrameAllocator`.

        Raises:
            InterruptedError: The process was told to stop while no slot was free.
        """
        if self.skip:
            return np.empty(shape, np.uint8)
        size = 1
        for side in shape:
            size *= side
        if self._slot is None:
            started = time.monotonic_ns()
            number = self._flow.acquire(self._reporter.alive)
            if number is None:
                raise InterruptedError
            self._reserve(size)
            self._waited_ns += time.monotonic_ns() - started
        else:  # the source gave up on the last frame
            number = self._slot[0]
        self._slot = (number, self._ring.slot(number, shape))
        return self._slot[1]

    def _reserve(self, size: int) -> None:
        if size == self._slot_bytes:
            return
        while self._slot_bytes and not self._flow.idle:  # slots of the old size are still read
            if self._stop.is_set():
                raise InterruptedError
            self._reporter.alive()
            time.sleep(0.001)
        self._ring.reserve(self._slots, size)
        self._slot_bytes = self._logbook[SharedCounter.SLOT_BYTES] = size

    def publish(
        self, header: FrameHeader, elapsed_ns: int, motion: Float32Array | None = None
    ) -> None:
        """The slot lent last holds this frame.

        Args:
            header: The frame's.
            elapsed_ns: How long it took to make, the wait for the slot included.
            motion: Motion of the camera since the frame published before, where it is known.
        """
        self._raise_error()
        if self._skipped():
            return
        assert self._slot is not None
        self._work_ns[header.sequence] = elapsed_ns - self._waited_ns
        self._waited_ns = 0
        self._motions[header.sequence] = motion
        self._logbook[SharedCounter.SEEN] = header.index + 1
        self._logbook[SharedCounter.SEQUENCE] = header.sequence + 1
        self._logbook[SharedCounter.TAKEN] += 1
        self._flow.offer(header, self._slot[0])
        self._slot = None
        self._send_waiting()
        if self._stop.is_set():
            self._flow.close()

    def announce(self, event: StreamEvent) -> None:
        """Sends an event after all frames before it.

        Raises:
            SourceError: The source ends among the records that it has given before.
        """
        self._raise_error()
        ends = isinstance(event, EndOfStream)
        if ends and self.skip:
            raise SourceError(f"{event.stream} ends before the place where it was left")
        if self._skipped():
            return
        self._logbook[SharedCounter.EPOCHS] = event.epoch + 1
        if isinstance(event, Dropped):
            self._logbook[SharedCounter.SEQUENCE] = event.last + 1
        self._logbook[SharedCounter.TAKEN] += not ends
        self._flow.announce(event)
        self._send_waiting()

    def _skipped(self) -> bool:
        if self.skip:
            self.skip -= 1
            return True
        return False

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Returns when all is in the results."""
        self._closing = True
        self._flow.close()
        os.eventfd_write(self._wake, 1)
        while self._thread.is_alive():
            self._thread.join(0.2)
            self._reporter.alive()
        self._ring.close()
        os.close(self._wake)
        self._raise_error()

    def _send_all(self) -> None:
        poller = zmq.Poller()
        poller.register(self._feedback, zmq.POLLIN)
        poller.register(self._wake, zmq.POLLIN)
        try:
            while True:
                self._send_waiting()
                if self._closing and self._flow.idle:
                    break
                events = dict(poller.poll(200))
                if self._wake in events:
                    os.eventfd_read(self._wake)
                if self._feedback in events:
                    self._take_feedback()
                if self._stop.is_set():
                    self._flow.close()
        except Exception as error:
            self._error = error
            self._flow.close()
        finally:
            with self._sending:
                self._sender.close()
            self._feedback.close(linger=0)

    def _send_waiting(self) -> None:
        """Sends what there is credit for: in the thread that gave it, or that brought the credit.

        To wake another thread for it takes longer than sending.
        """
        with self._sending:
            self._raise_error()  # then they are closed
            while (departure := self._flow.next_to_send()) is not None:
                self._send(departure)
            self._logbook[SharedCounter.WAITING] = self._flow.waiting

    def _take_feedback(self) -> None:
        while True:
            try:
                message = decode_feedback(self._feedback.recv(zmq.NOBLOCK))
            except zmq.Again:
                break
            except MessageError:
                continue
            if isinstance(message, Acknowledged):
                self._flow.acknowledge(message.position)
            else:
                self._resend(message.worker)
        with self._sending:
            self._sender.acknowledge(self._flow.unacknowledged)

    def _send(self, departure: Departure) -> None:
        item = departure.item
        if isinstance(item, FrameHeader):
            motion = composed(self._motion_of_dropped, self._motions.pop(item.sequence, None))
            self._motion_of_dropped = STILL
            envelope = Envelope(
                Frame(item, None, motion),
                departure.slot,
                {"decoder": self._work_ns.pop(item.sequence, 0)},
                channel=self._channel,
                position=departure.position,
            )
            accounted = item.sequence + 1
        else:
            envelope = Envelope(item, channel=self._channel, position=departure.position)
            accounted = item.last + 1 if isinstance(item, Dropped) else 0
            if isinstance(item, Dropped):
                for number in range(item.first, item.last + 1):
                    self._work_ns.pop(number, None)
                    self._motion_of_dropped = composed(
                        self._motion_of_dropped, self._motions.pop(number, STILL)
                    )
        parts = encode(envelope)
        message = msgspec.msgpack.encode(parts)
        if not self._logbook.keep(departure.position, message):
            raise SourceError(f"{envelope.stream}: a record of {len(message)} bytes is too long")
        if accounted:
            self._logbook[SharedCounter.ACCOUNTED] = accounted
        self._sender.send(departure.position, self._with_pixels(parts))

    def _resend(self, worker: int | None) -> None:
        with self._sending:
            for position, message in self._logbook.unacknowledged():
                if self._sender.went_to(position, worker):
                    self._sender.send(position, self._with_pixels(msgspec.msgpack.decode(message)))

    def _with_pixels(self, parts: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """The message as it travels; the logbook has none of the pixels, which the slot holds."""
        if not self._inline:
            return parts
        envelope = decode(parts)
        if not isinstance(envelope.record, Frame):
            return parts
        assert envelope.slot is not None
        pixels = self._ring.slot(envelope.slot, envelope.record.header.shape)
        return encode(replace(envelope, pixels=pixels))


def _read(message: bytes) -> Envelope:
    return decode(msgspec.msgpack.decode(message))
