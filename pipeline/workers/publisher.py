"""Publishes a stream's records to subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.transport.envelope import Envelope, Record
from pipeline.transport.messages import encode
from stages.measurements import Measured
from stages.records import EndOfStream

if TYPE_CHECKING:
    from pipeline.transport.broadcast import Broadcast


class Publisher:
    """Publishes one stream.

    Its end is published only once the subscribers of a sink that died have had time to reconnect.

    Args:
        broadcast: Socket to publish on; None if the run does not publish.
        run: Name of the run.
        channel: Channel of the stream.

    Attributes:
        run: Name of the run.
    """

    def __init__(self, broadcast: Broadcast | None, run: str, channel: int) -> None:
        self._broadcast = broadcast
        self.run = run
        self._channel = channel

    def forward(
        self,
        envelope: Envelope,
        parts: Sequence[bytes | memoryview],
        measured: Sequence[Measured],
    ) -> None:
        """Publishes an envelope that the sink received.

        Args:
            envelope: The envelope.
            parts: The encoded envelope.
            measured: Its crossings, zone events and ground positions.
        """
        if self._broadcast is not None:
            self._broadcast.send(parts, now=isinstance(envelope.record, EndOfStream))
            for record in measured:
                self.publish(record, envelope.position)

    def publish(self, record: Record, position: int) -> None:
        """Publishes a record that the sink did not receive, after the one at ``position``."""
        if self._broadcast is not None:
            envelope = Envelope(record, channel=self._channel, position=position, run=self.run)
            self._broadcast.send(encode(envelope), now=isinstance(record, EndOfStream))
