"""Compares the pace of a camera's clock with real time."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_SECONDS = 10.0  # left out of each connection: a camera may first send what it has buffered
_WINDOW_SECONDS = 120.0
_DRIFT = 0.01  # share of the time by which no camera's clock is fast
_TOLERANCE = 0.1  # deviation that a leap or a pause alone may cause


class ClockPace:
    """Compares the times of a connection's frames with those of their arrival.

    Attributes:
        ahead: Seconds by which the times have advanced more than real time since the first frame; 0
            if a clock that is slightly fast explains it.

    Args:
        monotonic: Returns a monotonic time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.ahead = 0.0
        self._monotonic = monotonic
        self._first: tuple[float, float] | None = None  # seconds, and when it arrived
        self._since: tuple[float, float] | None = None  # the same for the first frame of the window

    def follow(self, seconds: float) -> float | None:
        """Takes the time of the next frame.

        Returns:
            Seconds that the times advanced per real second over the last two minutes, if that
            differs from one by more than a tenth; None otherwise, and until the next two minutes
            have passed.
        """
        arrived = self._monotonic()
        if self._first is None:
            self._first = seconds, arrived
        passed = arrived - self._first[1]
        ahead = seconds - self._first[0] - passed
        self.ahead = ahead if ahead > _DRIFT * passed else 0.0
        if self._since is None:
            self._since = (seconds, arrived) if passed >= _FIRST_SECONDS else None
            return None
        passed = arrived - self._since[1]
        if passed < _WINDOW_SECONDS:
            return None
        pace = (seconds - self._since[0]) / passed
        self._since = seconds, arrived
        return pace if abs(pace - 1) > _TOLERANCE else None
