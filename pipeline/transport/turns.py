"""Decides whose frame is next when several streams wait for one stage."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from pipeline.transport.envelope import Envelope
from pipeline.transport.link import WAITING_MESSAGES, Receiver
from pipeline.transport.messages import MessageError
from stages.records import Frame


class Turns:
    """Hands out the messages of a receiver so that streams take turns, a frame at a time.

    Messages of one stream stay in order. ZeroMQ also takes turns between its senders, but message
    by message: if frames of a camera are dropped, a `Dropped` record precedes each frame that is
    not, and the camera would get half as many turns as a file, or fewer.

    Args:
        receiver: Receives the messages. Those that have arrived are taken out, up to
            `WAITING_MESSAGES`.
        prepare: Converts a message for the stage, or returns None to skip it; raises
            `MessageError` to have it dropped.
    """

    def __init__(self, receiver: Receiver, prepare: Callable[[Envelope], Envelope | None]) -> None:
        self._receiver = receiver
        self._prepare = prepare
        self._waiting: OrderedDict[int, deque[Envelope]] = OrderedDict()  # the next stream first
        self._count = 0

    @property
    def pending(self) -> bool:
        """Whether a message is waiting."""
        return bool(self._count) or self._receiver.pending

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """See `Receiver.receive`."""
        while self._count < WAITING_MESSAGES and (arrived := self._receiver.take()) is not None:
            self._add(arrived)
        if not self._count:
            arrived = self._receiver.receive(timeout)
            if arrived is None:
                return None
            self._add(arrived)
        channel, envelopes = next(iter(self._waiting.items()))
        envelope = envelopes.popleft()
        self._count -= 1
        if not envelopes:
            del self._waiting[channel]
        elif isinstance(envelope.record, Frame):
            self._waiting.move_to_end(channel)
        return envelope

    def prepared(self, envelope: Envelope) -> Envelope | None:
        """Returns a message from `receive`, converted for the stage; None to skip it."""
        try:
            return self._prepare(envelope)
        except MessageError as error:
            self._receiver.report_malformed(error)
            return None

    def _add(self, envelope: Envelope) -> None:
        self._waiting.setdefault(envelope.channel, deque()).append(envelope)
        self._count += 1
