"""Sends a decoder's frames: lends ring slots to fill, and keeps them until acknowledged."""

from __future__ import annotations

import os
import threading

import numpy as np
import zmq

from pipeline.plan import WorkerPlan
from pipeline.reporter import Reporter
from pipeline.transport.feedback import Acknowledged, decode_feedback
from pipeline.transport.flow import FlowControl, StreamEvent
from pipeline.transport.link import WAITING_MESSAGES
from pipeline.transport.logbook import ENTRY_BYTES, Logbook, SharedNumber
from pipeline.transport.messages import MessageError
from pipeline.transport.ring import FrameRing
from pipeline.workers.dispatch import Dispatcher
from pipeline.workers.predecessor import Predecessor
from pipeline.workers.slots import SlotAllocator
from stages.decoder.motion import STILL
from stages.errors import SourceError
from stages.records import Dropped, EndOfStream, EndReason, Float32Array, FrameHeader, UInt8Array


class FrameSender:
    """Lends slots to the source, sends filled ones, and takes slots back; a `FrameAllocator`.

    Unacknowledged records of an earlier decoder of the stream are sent again, from the slots that
    still hold their frames. Records that the earlier decoder sent and the source yields again are
    skipped; those that it had not sent yet are sent now.

    Attributes:
        given: Number of frames that were given to it, or that earlier decoders accounted for.
        ended: Whether the end of the stream was sent already.

    Args:
        plan: The plan of the decoder's process.
        context: ZeroMQ context.
        report: Reports that the process is alive while it waits.
        resumes: Whether the source continues where it stopped, rather than from the beginning.
        stop: Set when the process is told to stop.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        context: zmq.Context,
        report: Reporter,
        resumes: bool,
        stop: threading.Event,
    ) -> None:
        stream, runtime = plan.streams[0], plan.config.runtime
        self._report = report
        self._stop = stop
        self._logbook = logbook = Logbook(plan.logbook(stream.channel))
        self._ring = FrameRing(plan.ring(stream.channel))

        lossless = bool(logbook[SharedNumber.LOSSLESS])
        predecessor = Predecessor.in_logbook(logbook)
        self._flow = FlowControl(
            runtime.slots,
            runtime.slots if lossless else min(runtime.in_flight, runtime.slots - 1),
            live=not lossless,
            window=logbook[SharedNumber.ENTRIES],
            sent=predecessor.sent,
            position=predecessor.position,
            # What a previous live decoder knew of its camera's motion is lost.
            motion=STILL if lossless or not predecessor.position else None,
        )
        self._slots = SlotAllocator(self._ring, runtime.slots, self._flow, logbook, report)

        self.ended = predecessor.ended
        self.given = predecessor.given
        logbook[SharedNumber.ACCOUNTED] = self.given
        self._to_skip = 0 if resumes else predecessor.yielded
        if resumes and predecessor.lost is not None:
            self._flow.announce(predecessor.lost)
            self.given = predecessor.lost.last + 1

        self._dispatcher = Dispatcher(
            context,
            [plan.endpoint(f"detector-{n}") for n in range(plan.config.detector.workers)],
            stream.channel,
            logbook,
            self._ring if runtime.frames == "inline" else None,
        )
        self._dispatching = threading.Lock()  # guards the dispatcher and the order of sending
        self._feedback = context.socket(zmq.PULL)
        self._feedback.rcvhwm = WAITING_MESSAGES
        self._feedback.maxmsgsize = ENTRY_BYTES
        self._feedback.bind(plan.endpoint(f"ack-{stream.channel}"))
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._send_all, name="sender")

    def start(self) -> None:
        """Resends what was in flight, and starts to receive feedback."""
        self._resend(None)
        self._thread.start()

    @property
    def is_skipping(self) -> bool:
        """Whether the next record is one that an earlier decoder of the stream has sent."""
        return self._to_skip > 0

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `SlotAllocator.allocate`."""
        return np.empty(shape, np.uint8) if self.is_skipping else self._slots.allocate(shape)

    def send(
        self, header: FrameHeader, elapsed_ns: int, motion: Float32Array | None = None
    ) -> None:
        """Sends the frame in the slot lent last, as soon as there is credit for it.

        Args:
            header: Header of the frame.
            elapsed_ns: Time taken to make the frame, including the wait for the slot, ns.
            motion: ``(2, 3)`` motion of the camera since the previous frame, None if unknown.
        """
        self._raise_error()
        if self._skipped():
            return
        slot, waited_ns = self._slots.take()
        self.given = header.sequence + 1
        self._logbook[SharedNumber.SEEN] = header.index + 1
        self._logbook[SharedNumber.SEQUENCE] = header.sequence + 1
        self._logbook[SharedNumber.CAPTURED_NS] = header.captured_ns
        self._flow.offer(header, slot, elapsed_ns - waited_ns, motion)
        self._send_waiting()
        if self._stop.is_set():
            self._flow.close()

    def announce(self, event: StreamEvent) -> None:
        """Sends an event after all frames before it.

        Raises:
            SourceError: The source ends before the point where an earlier decoder left it.
        """
        self._raise_error()
        ends = isinstance(event, EndOfStream)
        if ends and self.is_skipping:
            raise SourceError(f"{event.stream} ends before the frame where it was interrupted")
        if self._skipped():
            return
        self._logbook[SharedNumber.EPOCHS] = event.epoch + 1
        if isinstance(event, Dropped):
            self.given = self._logbook[SharedNumber.SEQUENCE] = event.last + 1
        self._flow.announce(event)
        self._send_waiting()

    def end(self, reason: EndReason, message: str) -> None:
        """Ends the stream, even if the source has not yet reached the point where it was left."""
        self._to_skip = 0
        epoch = max(0, self._logbook[SharedNumber.EPOCHS] - 1)
        self.announce(EndOfStream(self._logbook.stream, epoch, self.given, reason, message))

    def _skipped(self) -> bool:
        skipped = self.is_skipping
        self._to_skip -= skipped
        return skipped

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Returns once everything is in the results."""
        self._closing = True
        self._flow.close()
        os.eventfd_write(self._wake, 1)
        while self._thread.is_alive():
            self._thread.join(0.2)
            self._report.alive()
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
                if self._closing and (self._flow.idle or self._logbook[SharedNumber.RELEASED]):
                    break  # a stream that has ended may have been acknowledged before this process
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
            with self._dispatching:
                self._dispatcher.close()
            self._feedback.close(linger=0)

    def _send_waiting(self) -> None:
        """Sends what there is credit for, in the thread that queued it or received the credit.

        Waking another thread would take longer than sending.
        """
        with self._dispatching:
            self._raise_error()  # after an error the dispatcher is closed
            try:
                while (departure := self._flow.next_to_send()) is not None:
                    self._dispatcher.send(departure)
            except Exception as error:
                self._error = error  # ends the sending thread, if this is another one
                raise
            self._logbook[SharedNumber.WAITING] = self._flow.waiting

    def _take_feedback(self) -> None:
        while True:
            try:
                message = decode_feedback(self._feedback.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            except MessageError:
                continue
            if isinstance(message, Acknowledged):
                self._flow.acknowledge(message.position)
                with self._dispatching:
                    self._dispatcher.acknowledge(message.position)
            else:
                self._resend(message.worker)

    def _resend(self, worker: int | None) -> None:
        with self._dispatching:
            self._dispatcher.resend(worker)
