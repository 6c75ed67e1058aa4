"""Decides when a process that died is started again, and when that is pointless."""

from __future__ import annotations

from collections import deque

_MINUTE = 60.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Restarts:
    """Decides from the deaths of a process and its predecessors when a successor is started.

    Attributes:
        due: When the successor may be started, in seconds of the clock that times the deaths.

    Args:
        per_minute: How often a process may die in a minute, or in a row at the same place.
    """

    def __init__(self, per_minute: int) -> None:
        self.due = 0.0
        self._most = per_minute
        self._deaths: deque[float] = deque()
        self._here = 0  # in a row, at the same place
        self._died_at: int | None = None
        self._pause = 0.0

    def died(self, now: float, *, steady: bool) -> None:
        """Records a death; a successor is due at once after a steady process, else after a pause.

        Args:
            now: When it died.
            steady: Whether it had been ready for a while; if not, the pause doubles.
        """
        self._pause = 0.0 if steady else min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self.due = now + self._pause
        self._deaths.append(now)
        while now - self._deaths[0] > _MINUTE:
            self._deaths.popleft()

    def died_at(self, place: int | None) -> None:
        """Records the place of a death, see `StageProcess`; None never counts as the same place."""
        is_same = place is not None and place == self._died_at
        self._here, self._died_at = self._here * is_same + 1, place

    @property
    def are_too_many(self) -> bool:
        """Whether there were too many deaths, so that a successor is pointless."""
        return max(len(self._deaths), self._here) > self._most

    def forget(self) -> None:
        """Forgets the deaths under an earlier plan; one with the new plan is due at once."""
        self._deaths.clear()
        self._here = 0
        self.due = 0.0
