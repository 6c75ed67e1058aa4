"""Restores the order of envelopes that arrive out of order or twice."""

from __future__ import annotations

from pipeline.transport.envelope import Envelope


class Sequencer:
    """Puts the envelopes of one stream in order of position, each once.

    Detectors overtake one another, and after a crash, records in flight are sent again.

    Attributes:
        due: The next position; those below it are repetitions.

    Args:
        window: Number of positions, from the next one on, whose envelopes are held; later ones are
            dropped.
    """

    def __init__(self, window: int) -> None:
        self.due = 0
        self._window = window
        self._held: dict[int, Envelope] = {}

    def skip_to(self, due: int) -> None:
        """Makes ``due`` the next position and forgets the envelopes held below it."""
        self.due = due
        self._held = {at: envelope for at, envelope in self._held.items() if at >= due}

    def take(self, envelope: Envelope) -> list[Envelope]:
        """Returns the envelopes now due, in order; none if this is a repetition or too early."""
        self.hold(envelope)
        return self.take_due()

    def hold(self, envelope: Envelope) -> None:
        """Holds an envelope for `take_due`, unless it is a repetition or too early."""
        if self.due <= envelope.position < self.due + self._window:
            self._held[envelope.position] = envelope

    def take_due(self) -> list[Envelope]:
        """Returns the envelopes now due, in order."""
        due = []
        while (held := self._held.pop(self.due, None)) is not None:
            due.append(held)
            self.due += 1
        return due
