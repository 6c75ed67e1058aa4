"""How often a log that may be unattended reports a run's progress."""

from __future__ import annotations

_SHARE = 1 / 20
_LONGEST_SECONDS = 3600.0


class LinePace:
    """Decides when lines are due: often at first, then less and less, finally once an hour.

    The interval is a twentieth of the time since the start.

    Args:
        seconds: Shortest interval, in seconds.
        now: Time of the start, in seconds.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._start = self._last = now

    def is_due(self, now: float) -> bool:
        """Returns whether a line is due; if so, the next interval begins."""
        interval = max(self._seconds, min((now - self._start) * _SHARE, _LONGEST_SECONDS))
        if now - self._last < interval:
            return False
        self._last = now
        return True
