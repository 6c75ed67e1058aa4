"""What comes out of order, or twice, put in order again."""

from __future__ import annotations

from pipeline.transport.messages import Envelope


class Sequencer:
    """The envelopes of one stream by position, each once.

    Several detectors overtake one another, and after a crash what is on its way is sent again.

    Attributes:
        due: The position that comes next; those below it are repetitions.

    Args:
        due: The first position to come.
        window: How far ahead of it an envelope may be and is still held.
    """

    def __init__(self, due: int, window: int) -> None:
        self.due = due
        self._window = window
        self._held: dict[int, Envelope] = {}

    def skip_to(self, position: int) -> None:
        """Goes on at ``position``: those below it were taken by an earlier process."""
        self.due = position

    def take(self, envelope: Envelope) -> list[Envelope]:
        """Those that are due now, in order; none where this one is a repetition or too early."""
        if not self.due <= envelope.position < self.due + self._window:
            return []
        self._held[envelope.position] = envelope
        due = []
        while (held := self._held.pop(self.due, None)) is not None:
            due.append(held)
            self.due += 1
        return due
