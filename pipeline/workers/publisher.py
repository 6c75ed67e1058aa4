"""What the sink tells the subscribers of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.transport.envelope import Envelope, Record
from pipeline.transport.messages import encode
from stages.records import EndOfStream
from stages.sink.counting import Measured

if TYPE_CHECKING:
    from pipeline.transport.broadcast import Broadcast


class Publisher:
    """Publishes one stream; its end only when subscribers of a sink that died hear it.

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

    def forward(
        self,
        envelope: Envelope,
        parts: Sequence[bytes | memoryview],
        measured: Sequence[Measured],
    ) -> None:
        """Publishes an envelope that has come.

        Args:
            envelope: The envelope.
            parts: Its message.
            measured: What it has shown at lines, in zones and on the ground.
        """
        if self._broadcast is not None:
            self._broadcast.send(parts, now=isinstance(envelope.record, EndOfStream))
            for record in measured:
                self.tell(record, envelope.position)

    def tell(self, record: Record, position: int) -> None:
        """Publishes what did not come as a record, after that of the position."""
        if self._broadcast is not None:
            envelope = Envelope(record, channel=self._channel, position=position, run=self.run)
            self._broadcast.send(encode(envelope), now=isinstance(record, EndOfStream))
