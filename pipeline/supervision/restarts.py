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
        per_minute: How often a process may die in a minute, or in a row without progress.
    """

    def __init__(self, per_minute: int) -> None:
        self.due = 0.0
        self._limit = per_minute
        self._deaths: deque[float] = deque()
        self._without_progress = 0  # deaths in a row
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

    def died_at(self, progress: int | None) -> None:
        """Records the progress at a death, see `StageProcess`; None never equals an earlier one."""
        is_same = progress is not None and progress == self._died_at
        self._without_progress = self._without_progress * is_same + 1
        self._died_at = progress

    @property
    def are_too_many(self) -> bool:
        """Whether there were too many deaths, so that a successor is pointless."""
        return max(len(self._deaths), self._without_progress) > self._limit

    def forget(self) -> None:
        """Forgets the deaths under an earlier plan; a process with the new plan is due at once."""
        self._deaths.clear()
        self._without_progress = 0
        self.due = 0.0
