"""What the sink tells the subscribers of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.transport.messages import Envelope, Record, encode
from stages.records import EndOfStream

if TYPE_CHECKING:
    from pipeline.transport.broadcast import Broadcast


class Publisher:
    """Publishes one stream.

    Args:
        broadcast: Where; None if the run does not publish.
        run: Name of the run.
        channel: Channel of the stream.

    Attributes:
        run: Name of the run.
    """

    def __init__(self, broadcast: Broadcast | None, run: str, channel: int) -> None:
        self._broadcast = broadcast
        self.run = run
        self._channel = channel

    def forward(self, record: Record, parts: Sequence[bytes | memoryview]) -> None:
        """Publishes the message of a record that has come; an end, when subscribers hear it."""
        if self._broadcast is not None:
            if isinstance(record, EndOfStream):
                self._broadcast.wait_for_subscribers()
            self._broadcast.send(parts)

    def tell(self, record: Record, position: int) -> None:
        """Publishes what did not come as a record, after that of the position."""
        if self._broadcast is not None:
            envelope = Envelope(record, channel=self._channel, position=position, run=self.run)
            self._broadcast.send(encode(envelope))
