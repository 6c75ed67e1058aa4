"""A stage's connections, served by a separate thread while the stage computes."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Self

import zmq

from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from pipeline.transport.turns import Turns

_TURN_SECONDS = 0.1


class BackgroundLink:
    """Receives the next messages and sends the last results while the stage computes.

    A context manager: the thread runs within the context, and remaining results are sent on exit.
    Only as many messages are prepared as the stage needs next, because streams take turns only
    among the messages that are not prepared yet, see `Turns`.

    Args:
        context: ZeroMQ context.
        source: Endpoint to receive at.
        target: Endpoint to send to.
        prepare: See `Turns`. Runs in the thread, as does ``on_turn``.
        on_turn: See `Receiver`.
        ahead: Number of messages prepared before the stage asks for them.
        copy: See `Receiver`.
    """

    def __init__(
        self,
        context: zmq.Context,
        source: str,
        target: str,
        prepare: Callable[[Envelope], Envelope | None],
        on_turn: Callable[[], None],
        *,
        ahead: int,
        copy: bool,
    ) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._wake_poll = select.poll()  # select() refuses descriptors above 1023
        self._wake_poll.register(self._wake, select.POLLIN)
        receiver = Receiver(context, source, on_turn, self._wake, copy=copy)
        self._turns = Turns(receiver, prepare)
        self._sender = Sender(context, target)
        self._on_turn = on_turn
        self._ahead = ahead
        self._waits_for_room = False
        self._received: SimpleQueue[Envelope | Exception] = SimpleQueue()
        self._results: SimpleQueue[Envelope] = SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="link")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._send_results()
        os.close(self._wake)

    def receive(self, timeout: float) -> Envelope | None:
        """Returns the next prepared message; None if there is none within ``timeout`` seconds.

        Raises:
            Exception: The error that ended the thread.
        """
        try:
            received = self._received.get(timeout=timeout)
        except Empty:
            return None
        if self._waits_for_room:
            os.eventfd_write(self._wake, 1)
        if isinstance(received, Exception):
            raise received
        return received

    @property
    def pending(self) -> bool:
        """Whether a message has been prepared already."""
        return not self._received.empty()

    def send(self, envelopes: Sequence[Envelope]) -> None:
        """Queues envelopes for sending; never blocks."""
        for envelope in envelopes:
            self._results.put(envelope)
        os.eventfd_write(self._wake, 1)

    def _send_results(self) -> None:
        while not self._results.empty():
            self._sender.send(self._results.get())

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except Exception as error:
            self._received.put(error)

    def _turn(self) -> None:
        envelope = self._next()
        if envelope is None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        self._send_results()
        if envelope is not None and (prepared := self._turns.prepared(envelope)) is not None:
            self._received.put(prepared)

    def _next(self) -> Envelope | None:
        """Returns the next message; None if there is something else to do."""
        self._waits_for_room = True  # set before the check, to notice room made in between
        if self._received.qsize() < self._ahead:
            self._waits_for_room = False
            return self._turns.receive()
        self._wake_poll.poll(1000 * _TURN_SECONDS)
        self._waits_for_room = False
        self._on_turn()
        return None
