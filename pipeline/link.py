"""The two ends of a connection between stages."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import zmq

from pipeline.messages import Envelope, MessageError, decode, encode

_SIGNAL_SECONDS = 0.1

log = logging.getLogger(__name__)


class Inlet:
    """Where a stage receives: it binds, any number of senders connect."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self.malformed = 0
        self._socket = context.socket(zmq.PULL)
        self._socket.rcvhwm = 0  # credits bound what is on its way, not ZeroMQ's buffers
        self._socket.bind(endpoint)

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """The next message that parses; others are counted and dropped.

        Returns None where none came within ``timeout`` seconds; None waits for ever.
        """
        while timeout is None or self._socket.poll(timeout * 1000):
            parts = self._socket.recv_multipart(copy=True)
            try:
                return decode(parts)
            except MessageError as error:
                self.malformed += 1
                log.warning("dropped a malformed message (%d so far): %s", self.malformed, error)
        return None

    def __iter__(self) -> Iterator[Envelope]:
        """Every message that parses, for ever."""
        while True:
            # A signal may have interrupted another thread than this one, which alone handles it.
            envelope = self.receive(_SIGNAL_SECONDS)
            if envelope is not None:
                yield envelope


class Outlet:
    """Where a stage sends; a peer that is not there yet is a state, not an error."""

    def __init__(self, context: zmq.Context, endpoint: str) -> None:
        self._socket = context.socket(zmq.PUSH)
        self._socket.sndhwm = 0
        self._socket.connect(endpoint)

    def send(self, envelope: Envelope) -> None:
        """Hands the message to ZeroMQ; never blocks."""
        self._socket.send_multipart(encode(envelope))

    def close(self) -> None:
        """Closes after all was delivered."""
        self._socket.close(linger=-1)
