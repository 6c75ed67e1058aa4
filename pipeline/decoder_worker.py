"""The decoder's process: one source, a ring to decode into, a thread that sends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import zmq

from pipeline.config import RunConfig
from pipeline.flow import FlowControl
from pipeline.link import Outlet
from pipeline.messages import Envelope
from pipeline.plan import Status, WorkerPlan
from pipeline.ring import FrameRing
from stages.decoder.live import LiveOptions
from stages.decoder.source import FrameSelection
from stages.decoder.sources import SourceSpec, open_source
from stages.records import (
    Dropped,
    EndOfStream,
    EndReason,
    Frame,
    FrameHeader,
    StreamStart,
    UInt8Array,
)


def run_decoder(plan: WorkerPlan, context: zmq.Context, report: Callable[[Status], None]) -> None:
    """Decodes the plan's stream to its end, or until SIGTERM, and sees that all is sent."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config = RunConfig.model_validate(plan.config)
    stream = plan.streams[plan.stream]
    decoder = config.decoder
    source = open_source(
        SourceSpec(stream.name, stream.location, stream.layout, frame_rate=stream.frame_rate),
        FrameSelection(decoder.first_frame, decoder.last_frame, decoder.every),
        Fraction(decoder.frame_rate),
        LiveOptions(
            timeout=decoder.timeout,
            connect_seconds=decoder.connect_seconds,
            reconnect=decoder.reconnect,
            transport=decoder.transport,
        ),
        wait=stop.wait,
        notify=lambda message: report(
            Status(kind="notice", stage="decoder", stream=stream.name, message=message)
        ),
    )
    publisher = FramePublisher(plan, context, config, stop)
    given, last_epoch, ended = 0, 0, False
    started = time.monotonic_ns()
    records = source.records(publisher)
    try:
        for record in records:
            if isinstance(record, Frame):
                publisher.publish(record.header, time.monotonic_ns() - started)
                given = record.header.sequence + 1
            else:
                publisher.announce(record)
                ended = isinstance(record, EndOfStream)
                last_epoch = record.epoch
            if stop.is_set():
                break
            started = time.monotonic_ns()
    except InterruptedError:
        pass  # told to stop while waiting for a slot
    finally:
        records.close()  # type: ignore[attr-defined]
        if not ended and stop.is_set():
            publisher.announce(
                EndOfStream(stream.name, last_epoch, given, EndReason.INTERRUPTED, "stopped")
            )
        publisher.close()


class FramePublisher:
    """Lends slots to the source, sends what it filled, takes slots back; a `FrameAllocator`."""

    def __init__(
        self, plan: WorkerPlan, context: zmq.Context, config: RunConfig, stop: threading.Event
    ) -> None:
        stream = plan.streams[plan.stream]
        runtime = config.runtime
        mode = runtime.mode
        if mode == "auto":
            mode = "live" if stream.live else "lossless"
        in_flight = min(runtime.in_flight, runtime.slots - 1) if mode == "live" else runtime.slots
        self._slots = runtime.slots
        self._inline = runtime.frames == "inline"
        self._flow = FlowControl(runtime.slots, in_flight, mode)
        self._ring = FrameRing(stream.ring)
        self._stop = stop
        self._slot: tuple[int, UInt8Array] | None = None
        self._slot_bytes = 0
        self._waited_ns = 0
        self._work_ns: dict[int, int] = {}
        self._closing = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._acks = context.socket(zmq.PULL)
        self._acks.bind(plan.endpoint(f"ack-{plan.stream}"))
        self._outlet = Outlet(context, plan.endpoint("detector"))
        self._thread = threading.Thread(target=self._send_all, name="sender")
        self._thread.start()

    def allocate(self, shape: tuple[int, ...]) -> UInt8Array:
        """See `FrameAllocator`.

        Raises:
            InterruptedError: The process was told to stop while no slot was free.
        """
        size = 1
        for side in shape:
            size *= side
        if self._slot is None:
            started = time.monotonic_ns()
            number = self._flow.acquire()
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
            time.sleep(0.001)
        self._ring.reserve(self._slots, size)
        self._slot_bytes = size

    def publish(self, header: FrameHeader, elapsed_ns: int) -> None:
        """The slot lent last holds this frame; making it took so long, the wait for it included."""
        assert self._slot is not None
        self._work_ns[header.sequence] = elapsed_ns - self._waited_ns
        self._waited_ns = 0
        self._flow.offer(header, self._slot[0])
        self._slot = None
        os.eventfd_write(self._wake, 1)
        if self._stop.is_set():
            self._flow.close()

    def announce(self, record: StreamStart | Dropped | EndOfStream) -> None:
        """Sends a record after all frames before it."""
        self._flow.announce(record)
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Returns when everything was handed over and delivered."""
        self._closing = True
        self._flow.close()
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._ring.close()
        os.close(self._wake)

    def _send_all(self) -> None:
        poller = zmq.Poller()
        poller.register(self._acks, zmq.POLLIN)
        poller.register(self._wake, zmq.POLLIN)
        try:
            while True:
                self._send_ready()
                if self._closing and self._flow.all_sent:
                    break
                events = dict(poller.poll(200))
                if self._wake in events:
                    os.eventfd_read(self._wake)
                if self._acks in events:
                    self._take_acks()
                if self._stop.is_set():
                    self._flow.close()
        finally:
            self._outlet.close()
            self._acks.close(linger=0)

    def _take_acks(self) -> None:
        while True:
            try:
                message = self._acks.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(message) == 8:
                self._flow.acknowledge(int.from_bytes(message, "little"))

    def _send_ready(self) -> None:
        while (item := self._flow.next_to_send()) is not None:
            if not isinstance(item, tuple):
                if isinstance(item, Dropped):
                    for number in range(item.first, item.last + 1):
                        self._work_ns.pop(number, None)
                self._outlet.send(Envelope(item))
                continue
            header, slot = item
            work = {"decoder": self._work_ns.pop(header.sequence, 0)}
            pixels = self._ring.slot(slot, header.shape) if self._inline else None
            waiting = self._flow.waiting
            self._outlet.send(Envelope(Frame(header, None), slot, work, pixels, waiting))
