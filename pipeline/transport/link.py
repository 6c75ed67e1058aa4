"""The two ends of a connection between stages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import zmq

from pipeline.transport.envelope import Envelope
from pipeline.transport.messages import MessageError, decode, encode

MAX_PART = 256 * 2**20
"""Largest message part, bytes; a peer that exceeds it is disconnected. A 16K frame fits."""

WAITING_MESSAGES = 1000
"""Messages queued per peer. Credits keep the stages far below; a peer that floods has to wait."""

BORROWED_BYTES = 2**16
"""Parts of this size or larger are sent without a copy: the owner of the memory must not change it
until the message has arrived. A slot of the ring is not reused before its frame is acknowledged.
"""

_SIGNAL_SECONDS = 0.1
_WARNING_SECONDS = 1.0

log = logging.getLogger(__name__)


class Receiver:
    """The receiving end of a stage: it binds, and any number of senders connect.

    Args:
        context: ZeroMQ context.
        endpoint: Endpoint to bind.
        on_turn: Called at least every 0.1 s while waiting for messages, and after each message.
        wake: Descriptor of an eventfd that ends the wait for a message.
        copy: Whether to copy messages out of ZeroMQ's memory, which is faster unless they carry
            pixels.

    Attributes:
        malformed: Number of messages that did not parse and were dropped.
    """

    def __init__(
        self,
        context: zmq.Context,
        endpoint: str,
        on_turn: Callable[[], None] = lambda: None,
        wake: int | None = None,
        *,
        copy: bool = True,
    ) -> None:
        self.malformed = 0
        self._copy = copy
        self._on_turn = on_turn
        self._warned_at = 0.0
        self._receive_timeout_ms = -1  # no limit
        self._socket = context.socket(zmq.PULL)
        self._socket.rcvhwm = WAITING_MESSAGES
        self._socket.maxmsgsize = MAX_PART
        self._socket.bind(endpoint)
        self._poller: zmq.Poller | None = None
        if wake is not None:
            self._poller = zmq.Poller()
            self._poller.register(self._socket, zmq.POLLIN)
            self._poller.register(wake, zmq.POLLIN)

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """Returns the next message that parses; others are counted and dropped.

        Returns None if none arrives within ``timeout`` seconds (None: no limit), or if ``wake``
        ends the wait.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            woken = not self.pending and self._wait(deadline)
            if (envelope := self._next()) is not None:
                return envelope
            if woken or (deadline is not None and time.monotonic() >= deadline):
                return None

    def take(self) -> Envelope | None:
        """Returns the next message that parses if one has already arrived, otherwise None."""
        while self.pending:
            if (envelope := self._next()) is not None:
                return envelope
        return None

    @property
    def pending(self) -> bool:
        """Whether a message has arrived already."""
        # ZeroMQ takes senders in turn, but checks for newly active ones only every hundred parts,
        # or when its events are queried: without that, a flood would hold up the others.
        return bool(self._socket.get(zmq.EVENTS) & zmq.POLLIN)

    def _next(self) -> Envelope | None:
        """Returns a message; None if it does not parse or none arrives within the timeout."""
        try:
            parts = self._socket.recv_multipart(copy=self._copy)
        except zmq.Again:
            return None
        finally:
            self._on_turn()
        try:
            return decode(parts)
        except MessageError as error:
            self.report_malformed(error)
            return None

    def _wait(self, deadline: float | None) -> bool:
        """Waits for a message, or lets the next receive wait; returns whether ``wake`` ended it."""
        # Never for long: a signal may be delivered to another thread, but only this one handles it.
        seconds = _SIGNAL_SECONDS
        if deadline is not None:
            seconds = min(seconds, max(0.0, deadline - time.monotonic()))
        milliseconds = round(seconds * 1000)
        if self._poller is None:  # waiting in the receive itself takes fewer system calls
            self._set_receive_timeout(milliseconds)
            return False
        self._set_receive_timeout(0)
        events = dict(self._poller.poll(milliseconds))
        return bool(events) and self._socket not in events

    def _set_receive_timeout(self, milliseconds: int) -> None:
        if milliseconds != self._receive_timeout_ms:
            self._receive_timeout_ms = self._socket.rcvtimeo = milliseconds

    def report_malformed(self, error: MessageError) -> None:
        """Counts a dropped message, and logs a warning at most once a second."""
        self.malformed += 1
        if time.monotonic() - self._warned_at >= _WARNING_SECONDS:
            self._warned_at = time.monotonic()
            log.warning("dropped a malformed message (%d so far): %s", self.malformed, error)


class Sender:
    """The sending end of a stage; a peer that does not exist yet is not an error."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self._socket = context.socket(zmq.PUSH)
        self._socket.sndhwm = 0
        self._socket.connect(endpoint)

    def send(self, envelope: Envelope) -> None:
        """Hands the message to ZeroMQ; never blocks."""
        self.send_parts(encode(envelope))

    def send_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        """Hands an encoded message to ZeroMQ; never blocks."""
        # Part by part: `send_multipart` first checks every part, which takes longer than sending.
        last = len(parts) - 1
        for number, part in enumerate(parts):
            more = zmq.SNDMORE if number < last else 0
            self._socket.send(part, more, copy=len(part) < BORROWED_BYTES)

    def close(self) -> None:
        """Closes the socket; undelivered messages are dropped."""
        self._socket.close(linger=0)


class LeastLoadedSender:
    """The sending end of a decoder: each message goes to the least loaded worker."""

    def __init__(self, context: zmq.Context, endpoints: Sequence[str]) -> None:
        self._senders = [Sender(context, endpoint) for endpoint in endpoints]
        self._worker_of: dict[int, int] = {}
        self._loads = [0] * len(endpoints)

    def send(self, position: int, parts: Sequence[bytes | memoryview]) -> None:
        """Sends a message to a worker; a position sent before goes to the same worker again."""
        worker = self._worker_of.get(position)
        if worker is None:
            worker = self._loads.index(min(self._loads))
            self._worker_of[position] = worker
            self._loads[worker] += 1
        self._senders[worker].send_parts(parts)

    def went_to(self, position: int, worker: int | None) -> bool:
        """Returns whether a position was sent to ``worker``; None matches any worker."""
        return worker is None or self._worker_of.get(position) == worker

    def acknowledge(self, position: int) -> None:
        """Marks all positions below ``position`` as done."""
        for done in [sent for sent in self._worker_of if sent < position]:
            self._loads[self._worker_of.pop(done)] -= 1

    def close(self) -> None:
        """Closes the sockets; undelivered messages are dropped."""
        for sender in self._senders:
            sender.close()
