"""When a process that died is started again, and when that is pointless."""

from __future__ import annotations

from collections import deque

_MINUTE = 60.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Restarts:
    """Decides by the deaths of a process and its predecessors when a successor is started.

    Attributes:
        due: When it may be, in the seconds of the clock by which the deaths are told.

    Args:
        per_minute: How often a process may die in a minute, or in a row at one place.
    """

    def __init__(self, per_minute: int) -> None:
        self.due = 0.0
        self._most = per_minute
        self._deaths: deque[float] = deque()
        self._here = 0  # in a row, at the same place
        self._died_at: int | None = None
        self._pause = 0.0

    def died(self, now: float, *, steady: bool) -> None:
        """Records a death; a successor is due at once if it was steady, else after a longer pause.

        Args:
            now: When it died.
            steady: Whether it had been at work for a while.
        """
        self._pause = 0.0 if steady else min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self.due = now + self._pause
        self._deaths.append(now)
        while now - self._deaths[0] > _MINUTE:
            self._deaths.popleft()

    def died_at(self, place: int | None) -> None:
        """Records at which place it died, see `StageProcess`; None is never the same place."""
        is_same = place is not None and place == self._died_at
        self._here, self._died_at = self._here * is_same + 1, place

    @property
    def are_too_many(self) -> bool:
        """Whether there were too many deaths, so that a successor is pointless."""
        return max(len(self._deaths), self._here) > self._most

    def forget(self) -> None:
        """Forgets the deaths of an earlier plan; the process of the next one is due at once."""
        self._deaths.clear()
        self._here = 0
        self.due = 0.0
